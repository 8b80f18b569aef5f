# What was tried in vain? When, who, which signal, to whom, and why it failed.
# usage: jq -nrf failed.jq FILE...
inputs | select(.type == "signal" and .errno)
| [.timestamp, .sender.user // .sender.uid, "\(.sender.comm) (\(.sender.pid))", .signal,
   .target.scope, .target.arg, .errno] | @tsv
