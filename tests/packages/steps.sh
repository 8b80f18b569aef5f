# What the steps of the test are made of. Sourced by tests/packages/inside.

LOG=/var/log/sigtrail/signals.jsonl
# No number of a process: a call to it fails, and its line says which it was.
NOBODY=5000000

fail() {
	echo "FAILED: $*"
	systemctl status sigtrail --no-pager -l -n 0 2>&1 | cut -c1-200 || true
	journalctl -u sigtrail -n 12 --no-pager 2>&1 | cut -c1-200 || true
	exit 1
}

ok() { printf '%s ok: %s\n' "$(date +%T)" "$*"; }

# Waits, at most a minute, until a command succeeds.
await() {
	local end=$((SECONDS + 60))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || fail "never came: $*"
		sleep 0.1
	done
}

is() { # WHAT WANTED FOUND
	[ "$2" = "$3" ] || fail "$1: wanted $2, found $3"
}

# Fits the configuration to where the test runs: others on the machine that the
# kernel is of may be busy, and the limit of locked memory may be one that not
# even a machine's systemd can lift.
fit() {
	sed -i 's/^sender_comm = .*/sender_comm = ["pt-first", "pt-reload", "pt-upgrade", "pt-revived", "pt-journal"]/' \
		/etc/sigtrail/sigtrail.toml
	local ring=4096
	if [ "$(systemd-run -q -P -p LimitMEMLOCK=infinity bash -c 'ulimit -l')" != unlimited ]; then
		until [ $((ring * $(nproc))) -le 4096 ]; do ring=$((ring / 2)); done
	fi
	sed -i "s/^ring_size = .*/ring_size = \"${ring}K\"/" /etc/sigtrail/sigtrail.toml
}

property() { systemctl show sigtrail --value -p "$1"; }
active() { [ "$(property ActiveState)" = active ]; }
states() { grep -o '"state":"[a-z_]*"' "$LOG" | cut -d'"' -f4; }
state_count() { [ "$(states | grep -c "^$1\$")" -ge "$2" ]; }

# Makes calls, numbered from the first on, under a name of their own; with a
# fourth argument a few thousand in a second, until there is a file `enough`,
# else as fast as can be.
calls() { # NAME FIRST COUNT [PACED]
	bash -c 'printf %s "$1" >/proc/$$/comm
		for ((i = 0; i < $3; i++)); do
			kill -0 $(($2 + i))
			((!$4 || i % 50)) || { [ ! -e /test/enough ] || break; sleep 0.01; }
		done 2>/dev/null' calls "$1" $((NOBODY + $2)) "$3" "${4:-0}" || true
}

# The numbers of a name's calls that are in the lines.
seen() { # NAME FILE...
	local name=$1
	shift
	zcat -f "$@" | jq -r --arg name "$name" --argjson nobody $NOBODY \
		'select(.type == "signal" and .sender.comm == $name) | .target.arg - $nobody'
}

seen_count() { # COUNT NAME FILE...
	local count=$1 name=$2
	shift 2
	[ "$(zcat -f "$@" | grep -c "\"type\":\"signal\".*\"comm\":\"$name\"")" -ge "$count" ]
}
