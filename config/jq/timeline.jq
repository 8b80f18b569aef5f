# What did a process send, and what was sent to it? In the order of time. Instead of
# "sent" stands how it was behind a signal that no call sent, such as "trigger".
# usage: jq -nrf timeline.jq --argjson pid 4711 FILE...
# Processes choose their names: no control character of one reaches a terminal.
def clean: map(tostring | gsub("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]"; "?"));
foreach inputs as $line ({};
  if $line.type == "signal" then {call: $line, of: [$line.target, $line.recipients[]?]}
  elif $line.type == "recipients" and .call.seq == $line.call_seq
  then .of = $line.recipients | .more = true
  else .of = [] end;
  .call as $call | .of as $of | .more as $more
  | if $of == [] then empty
    elif $call.sender.pid == $pid and $call.sender_role != "self" and ($more | not) then
      [$call.timestamp, $call.sender_role // "sent", $call.signal, "to",
       $call.target.comm // $call.target.scope, $call.target.pid // $call.target.arg,
       $call.errno // (if $call.syscall then "ok" else $call.origin end)] | clean | @tsv
    else $of[] | select(.pid == $pid)
      | [$call.timestamp, "got", $call.signal, "from",
         (if $call.syscall then $call.sender.comm, $call.sender.pid else "kernel", $call.origin end),
         $call.errno // .outcome // "ok"] | clean | @tsv
    end)
