# Makes events of the Open Cybersecurity Schema Framework, version 1.8.0, from sigtrail's
# lines of ends: class Process Activity (1007), activity Terminate (2).
#
#   zcat -f /var/log/sigtrail/signals.jsonl* | jq -c -f /usr/share/sigtrail/ocsf/ocsf.jq
#
# `process` is the process that ended. `actor.process` is whoever is behind the signal that
# led to the end. If nobody is known, it is the process that ended, as the class has it.
# What the class has no attribute for is under `unmapped`: the signal, its origin, the
# sender's role, and the signals before it.
#
# Lines of other types make no event.

def without_nulls: with_entries(select(.value != null and .value != {}));

# Milliseconds since 1970. jq's numbers have no room for nanoseconds.
def milliseconds: ((.[:19] + "Z" | fromdate) * 1000) + (.[20:23] | tonumber);

def file: if .exe then {name: (.exe | split("/") | last), path: .exe, type_id: 1} else null end;

def command: if (.args // []) == [] then null else .args | join(" ") end;

def user: {uid: (.uid | tostring), name: .user} | without_nulls;

# `image` stays unmapped: the schema asks for its digest, which no line has.
def container:
  if .container then
    {uid: .container, name: (.container_name // .pod_container), runtime: .container_runtime,
      orchestrator: (if .pod then "kubernetes" else null end)}
    | without_nulls
  else null end;

def started_by: (.ancestors // [] | first) as $nearest
  | {pid: .ppid, name: .parent_comm}
  + (if $nearest.pid == .ppid then $nearest | {file: file, cmd_line: command} else {} end)
  | without_nulls;

def who: "\(.comm) (\(.pid))";

def message:
  "\(.process | who) \(
    if .end == "exited" then "exited with \(.exit_code)\(if .cause then " after \(.cause.signal)" else "" end)"
    elif .end == "dumped" then "dumped core by \(.signal)"
    else "was killed by \(.signal)" end)\(
    if .cause and .cause.origin != "call" then ", \(.cause.origin)" else "" end)\(
    if .cause.sender and .cause.sender_role != "self" then
      "\(if .cause.sender_role then ", \(.cause.sender_role)" else " from" end) \(.cause.sender | who)"
    else "" end)";

select(.type == "exit")
| . as $line
| (.timestamp | milliseconds) as $time
| (.process
    | {
        pid, name: .comm, file: file, cmd_line: command, user: user, container: container,
        uid: "\($line.hostname)/\(.pid)/\(.start_time)",
        session: (if .session then {uid: (.session | tostring)} else null end),
        namespace_pid: .ns_pid,
        created_time: (.start_time | milliseconds),
        terminated_time: $time,
        parent_process: started_by
      }
    | without_nulls) as $ended
| (.cause.sender
    | if . == null then $ended
      else {pid, name: .comm, file: file, cmd_line: command, user: user, container: container}
        | without_nulls
      end) as $actor
| {
    category_uid: 1, category_name: "System Activity",
    class_uid: 1007, class_name: "Process Activity",
    activity_id: 2, activity_name: "Terminate",
    type_uid: 100702, type_name: "Process Activity: Terminate",
    severity_id: 1, severity: "Informational",
    status_id: 1, status: "Success",
    time: $time,
    message: message,
    exit_code,
    metadata: ({
        version: "1.8.0",
        product: {name: "sigtrail", vendor_name: "sigtrail"},
        profiles: (["host"] + if [$ended, $actor] | any(.container) then ["container"] else [] end),
        log_name: "sigtrail",
        event_code: .signal,
        sequence: .seq,
        uid: "\(.hostname)/\(.timestamp)/\(.seq)",
        original_time: .timestamp,
        is_truncated: .truncated
      }
      | without_nulls),
    device: {hostname, type_id: 0, type: "Unknown"},
    actor: {process: $actor, user: $actor.user},
    process: $ended,
    unmapped: ({
        "end": .end, signal, signal_number, age_ms, threads, late, cause, earlier,
        process: (.process | {gid, image, unit, user_unit, cgroup, loginuid, login_user, pod,
          pod_namespace, pod_uid, ancestors} | without_nulls)
      }
      | without_nulls)
  }
| without_nulls
