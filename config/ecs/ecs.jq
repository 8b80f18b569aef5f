# Makes documents of the Elastic Common Schema, version 9, from sigtrail's lines:
#
#   zcat -f /var/log/sigtrail/signals.jsonl* | jq -c -f /usr/share/sigtrail/ecs/ecs.jq
#
# `process` is the sender. The target is `Target.process`, as in the documents of
# Elastic's own agents. What the schema has no field for is under `sigtrail`.
#
# Of a signal that no call sent, `event.action` is the origin (`oom`, `fault`), and
# `process` is whoever is behind it: `sigtrail.sender_role` says how. If nobody is,
# that is absent, and `process` is the target, as in other events of processes that
# end.
#
# Of the end of a process, `process` is the one that ended, with `process.exit_code` if it
# ended by itself. What led to the end is `sigtrail.cause`, as the line has it.
#
# `process.parent` is who started the process, with the first of its arguments, as long
# as that is its parent still.
#
# ecs.lua makes the same documents in fluent-bit.

def without_nulls: with_entries(select(.value != null));

def mapped: del(.pid, .tid, .ns_pid, .comm, .exe, .args, .title, .start_time, .uid, .user, .euid,
  .effective_user, .gid, .egid, .ppid, .parent_comm);

# Of the process that an event is about, where it runs is mapped, too.
def mapped_of_main: mapped | del(.container, .container_runtime, .container_name, .image, .pod,
  .pod_namespace, .pod_container);

def parent: (.ancestors // [] | first) as $nearest
  | {pid: .ppid, name: .parent_comm}
  + (if $nearest.pid == .ppid then $nearest | {executable: .exe, args} else {} end)
  | without_nulls;

def process($host):
  {
    pid,
    vpid: .ns_pid,
    name: .comm,
    executable: .exe,
    start: .start_time,
    entity_id: "\($host)/\(.pid)/\(.start_time)",
    user: ({id: (.euid | tostring), name: (if .euid == .uid then .user else .effective_user end)}
      | without_nulls),
    real_user: ({id: (.uid | tostring), name: .user} | without_nulls),
    group: {id: (.egid // .gid | tostring)},
    real_group: {id: (.gid | tostring)},
    parent: parent,
    title,
    thread: (if .tid then {id: .tid} else null end)
  }
  + (if (.args // []) == [] then {}
     else {args, args_count: (.args | length), command_line: (.args | join(" "))} end)
  | without_nulls;

def container:
  {id: .container, runtime: .container_runtime, name: (.container_name // .pod_container),
    image: (if .image then {name: .image} else null end)}
  | without_nulls;

def orchestrator:
  {type: "kubernetes", namespace: .pod_namespace, resource: {type: "pod", name: .pod}}
  | without_nulls;

def fatal: [.target, .recipients[]? | .fatal] | any;

# Whether the kernel made a signal. It made none if a seccomp filter or supervisor
# answered the call in its place, whatever `ret` is.
def made: .signal_number == 0 or .target.outcome != null or (.recipient_count // 0) > 0;

# Without `ret`, only the signal was seen, and not how the call ended.
def outcome:
  if .ret == null then "unknown" elif .ret < 0 then "failure"
  elif made then "success" else "unknown" end;

def users: .tty_user as $tty | [.sender, .target, .process, .cause.sender,
    (.recipients[]?), (.earlier[]? | .sender) | objects
  | .user, .effective_user, .login_user] + [$tty] | map(select(. != null)) | unique;

def who: "\(.comm) (\(.pid))";

def whom: if .pid then who else "\(.scope) \(.arg)" end;

def caused:
  (if .sender and .sender_role != "self" then .sender | who else null end) as $who
  | if .origin != "call" then
      ", \(.origin)\(if $who then ", \(.sender_role) \($who)" else "" end)"
    elif $who then " from \($who)"
    else "" end;

def of_type:
  if .type == "signal" then
    {
      event: {
        kind: "event", category: ["process"], action: (.syscall // .origin), code: .signal,
        type: [if fatal then "end" elif .signal_number == 0 then "info" else "change" end]
      }
    }
    * (if .errno then {error: {code: .errno}} else {} end)
    * if .origin == "call" then
        {
          event: {outcome: outcome},
          message: "\(.sender | who) \(if .errno then "could not send" else "sent" end) \(.signal) to \(.target | whom)\(if .errno then ": " + .errno else "" end)"
        }
      else
        {message: "\(.origin): \(.signal) to \(.target | whom)\(
          if .sender and .sender_role != "self" then ", \(.sender_role) \(.sender | who)" else "" end)"}
      end
  elif .type == "exit" then
    {
      event: ({kind: "event", category: ["process"], type: ["end"], action: "exit", code: .signal}
        | without_nulls),
      process: ({end: .timestamp, exit_code} | without_nulls),
      message: "\(.process | who) \(
        if .end == "exited" then "exited with \(.exit_code)\(if .cause then " after \(.cause.signal)" else "" end)"
        elif .end == "dumped" then "dumped core by \(.signal)"
        else "was killed by \(.signal)" end)\(.cause // {origin: "call"} | caused)"
    }
  elif .type == "recipients" then
    {
      event: {kind: "event", category: ["process"], action: "recipients",
        type: [if fatal then "end" else "change" end], outcome: "success"},
      message: "\(.recipients | length) more recipients of call \(.call_seq)"
    }
  elif .type == "lost" then
    {
      event: {kind: "event", action: "lost", type: ["info"]},
      message: "\(.count) \(.what) have no line: \(.reason)"
    }
  else
    {
      event: {kind: "state", action: .state, type: ["info"]},
      message: "sigtrail \(.state): \(.events) signals, \(.lost) lost",
      host: {os: {kernel}},
      agent: {version}
    }
  end;

. as $line
| {
    "@timestamp": .timestamp,
    ecs: {version: "9.0.0"},
    event: {module: "sigtrail", provider: "kernel", dataset: "sigtrail.\(.type)", sequence: .seq},
    host: {name: .hostname, hostname},
    agent: {type: "sigtrail"},
    related: {hosts: [.hostname]}
  }
  * of_type
  * (users | if . == [] then {} else {related: {user: .}} end)
  * ((.sender // .target // .process // {}) as $main
    | (if $main.pid then {process: ($main | process($line.hostname))} else {} end)
    + (if $main.container then {container: ($main | container)} else {} end)
    + (if $main.pod then {orchestrator: ($main | orchestrator)} else {} end))
  * (if .target.pid then {Target: {process: (.target | process($line.hostname))}} else {} end)
  * {sigtrail: ($line
      | del(.timestamp, .seq, .hostname, .errno, .version, .kernel, .exit_code)
      | if .sender then .sender |= mapped_of_main else . end
      | if .process then .process |= mapped_of_main else . end
      | if .target.pid then .target |= mapped else . end
      | if .sender == {} then del(.sender) else . end
      | if .process == {} then del(.process) else . end)}
