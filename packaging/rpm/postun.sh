# $1 is 0 when the last version is removed, 1 on an upgrade.
if [ "$1" -eq 0 ]; then
	# cargo-generate-rpm does not make directories belong to the package.
	find /etc/sigtrail /usr/share/sigtrail /usr/share/doc/sigtrail \
		/usr/share/licenses/sigtrail -depth -type d -empty -delete 2>/dev/null || :
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || :
fi
