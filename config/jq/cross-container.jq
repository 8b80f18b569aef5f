# Which signals crossed a container's border, in either direction?
# usage: jq -nrf cross-container.jq FILE...
# Processes choose their names: no control character of one reaches a terminal.
def clean: map(tostring | gsub("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]"; "?"));
def place: (if .pod then "\(.pod)/\(.pod_container // "-")" else .container_name end)
  // .container // "host";
foreach inputs as $line ({};
  if $line.type == "signal" then {call: $line, of: [$line.target, $line.recipients[]?]}
  elif $line.type == "recipients" and .call.seq == $line.call_seq then .of = $line.recipients
  else .of = [] end;
  .call as $call | .of[]
  | select(.pid and $call.sender and (.container // "") != ($call.sender.container // ""))
  | [$call.timestamp, $call.signal, ($call.sender | place),
     "\($call.sender_role // "" | if . == "" then . else . + " " end)\($call.sender.comm) (\($call.sender.pid))", "->", place, "\(.comm) (\(.pid))",
     $call.errno // .outcome // "ok"] | clean | @tsv)
