# Who closed my terminal, or typed ^C in it? When, which terminal, the signal, who got
# it, what made it, who is behind it in which role, and who opened the terminal's other
# end: of a key, that is all there is.
# usage: jq -nrf terminals.jq FILE...
# Processes choose their names: no control character of one reaches a terminal.
def clean: map(tostring | gsub("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]"; "?"));
inputs
| select(.type == "signal" and (.origin | . == "tty" or . == "hangup" or . == "orphaned_group"))
| [.timestamp, .tty // .target.tty // "-", .signal, (.target | "\(.comm) (\(.pid))"), .origin,
   (if .sender then "\(.sender_role) \(.sender.comm) (\(.sender.pid))" else "-" end),
   .tty_user // .tty_uid // "-"] | clean | @tsv
