# Who sends most? Count, program and signal, the most frequent first; signal 0,
# which only asks whether a process is there, is left out.
# usage: jq -nrf top-killers.jq FILE...
# Names are their processes' own: no control characters to a terminal.
def clean: map(tostring | gsub("[[:cntrl:]]"; "?"));
reduce (inputs | select(.type == "signal" and .errno == null and .signal_number > 0)) as $call ({};
  .["\($call.sender.exe // $call.sender.comm) \($call.signal)"] += 1)
| to_entries | sort_by(-.value, .key) | .[:20][] | [.value, .key] | clean | join(" ")
