# Who killed it? Each signal that ended a process of this name, and who sent it.
# usage: jq -nrf who-killed.jq --arg who nginx FILE...
foreach inputs as $line ({};
  if $line.type == "signal" then {call: $line, of: [$line.target, $line.recipients[]?]}
  elif $line.type == "recipients" and .call.seq == $line.call_seq then .of = $line.recipients
  else .of = [] end;
  .call as $call | .of[] | select(.fatal and .comm == $who)
  | [$call.timestamp, $call.signal, "\(.comm) (\(.pid))", "by",
     "\($call.sender.comm) (\($call.sender.pid))", "of", $call.sender.parent_comm, "as",
     $call.sender.login_user // $call.sender.user // $call.sender.uid] | map(tostring) | join(" "))
