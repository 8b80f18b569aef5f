# $1 is 0 when the last version goes, 1 at an upgrade.
if [ "$1" -eq 0 ] && [ -d /run/systemd/system ]; then
	systemctl --no-reload disable --now sigtrail.service || :
fi
