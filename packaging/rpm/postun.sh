# $1 is 0 when the last version goes, 1 at an upgrade.
if [ "$1" -eq 0 ]; then
	# Directories do not belong to the package, as cargo-generate-rpm makes it.
	find /etc/sigtrail /usr/share/sigtrail /usr/share/doc/sigtrail \
		/usr/share/licenses/sigtrail -depth -type d -empty -delete 2>/dev/null || :
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || :
fi
