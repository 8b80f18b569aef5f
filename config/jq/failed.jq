# Which attempts failed? When, who, which signal, to whom, and why it failed.
# usage: jq -nrf failed.jq FILE...
# Processes choose their names: no control character of one reaches a terminal.
def clean: map(tostring | gsub("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]"; "?"));
inputs | select(.type == "signal" and .errno)
| [.timestamp, .sender.user // .sender.uid, "\(.sender.comm) (\(.sender.pid))", .signal,
   .target.scope, .target.arg, .errno] | clean | @tsv
