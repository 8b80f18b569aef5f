# Who sends the most signals? Count, program and signal, most frequent first.
# Left out are signal 0, which only asks whether a process exists, and calls that a
# seccomp filter or supervisor answered, so that the kernel made no signal.
# usage: jq -nrf top-killers.jq FILE...
# Processes choose their names: no control character of one reaches a terminal.
def clean: map(tostring | gsub("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]"; "?"));
reduce (inputs | select(.syscall and .errno == null and .signal_number > 0
    and (.target.outcome or (.recipient_count // 0) > 0))) as $call ({};
  .["\($call.sender.exe // $call.sender.comm) \($call.signal)"] += 1)
| to_entries | sort_by(-.value, .key) | .[:20][] | [.value, .key] | clean | join(" ")
