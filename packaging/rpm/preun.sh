# $1 is 0 when the last version is removed, 1 on an upgrade.
if [ "$1" -eq 0 ] && [ -d /run/systemd/system ]; then
	systemctl --no-reload disable --now sigtrail.service || :
fi
