# $1 is 1 on the first installation, 2 on an upgrade.
if [ -x /usr/bin/systemd-sysusers ]; then
	systemd-sysusers sigtrail.conf || :
fi
if [ -x /usr/bin/systemd-tmpfiles ]; then
	systemd-tmpfiles --create sigtrail.conf || :
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || :
	if [ "$1" -gt 1 ]; then
		systemctl try-restart sigtrail.service || :
	fi
fi
