# What is missing? Calls and other signals without a line, and times when nothing
# was traced.
# usage: jq -nrf lost.jq FILE...
foreach inputs as $line ({}; {before: .line, line: $line};
  .before as $before | .line
  | if .type == "lost" then
      "\(.since) to \(.timestamp): \(.count) \(.what) lost, \(.reason)"
    elif .state == "started" and $before == null then "\(.timestamp): tracing began"
    elif .state == "started" then
      "\($before.timestamp) to \(.timestamp): not traced, sigtrail was \(
        if $before.state == "stopped" then "stopped" else "killed" end)"
    elif .state == "blind" then "\(.timestamp): the kernel ran no probes any more"
    elif .state == "stopped" then
      "\(.timestamp): tracing ended, with \(.events) signals recorded and \(.lost) lost"
    else empty end)
