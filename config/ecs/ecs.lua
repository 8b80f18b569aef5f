-- Makes documents of the Elastic Common Schema, version 9, from sigtrail's lines,
-- in fluent-bit's filter `lua`: script ecs.lua, call sigtrail_ecs.
--
-- `process` is the sender. The target is `Target.process`, as in the documents
-- of Elastic's own agents. What the schema has no field for is under `sigtrail`.
--
-- Of a signal that no call sent, `event.action` is the origin (`oom`, `fault`), and
-- `process` is whoever is behind it: `sigtrail.sender_role` says how. If nobody is,
-- that is absent, and `process` is the target, as in other events of processes that
-- end.
--
-- Of the end of a process, `process` is the one that ended, with `process.exit_code` if it
-- ended by itself. What led to the end is `sigtrail.cause`, as the line has it.
--
-- `process.parent` is who started the process, with the first of its arguments, as long
-- as that is its parent still.
--
-- ecs.jq makes the same documents.

local MAPPED = {
    pid = true, tid = true, ns_pid = true, comm = true, exe = true, args = true,
    title = true,
    start_time = true, uid = true, user = true, euid = true, effective_user = true,
    gid = true, egid = true, ppid = true, parent_comm = true,
}
local MAPPED_OF_MAIN = {
    container = true, container_runtime = true, container_name = true, image = true,
    pod = true, pod_namespace = true, pod_container = true,
}
local MAPPED_OF_LINE = {
    timestamp = true, seq = true, hostname = true, errno = true, version = true, kernel = true,
    exit_code = true,
}

-- ECS has user ids as keywords. They have no fraction, though numbers in LuaJIT may.
local function keyword(number)
    return number and string.format("%.0f", number)
end

local function without(from, keys, more)
    local rest = {}
    for key, value in pairs(from) do
        if not keys[key] and not (more and more[key]) then
            rest[key] = value
        end
    end
    return rest
end

local function parent(of)
    local made = { pid = of.ppid, name = of.parent_comm }
    local nearest = of.ancestors and of.ancestors[1]
    if nearest and nearest.pid == of.ppid then
        made.executable, made.args = nearest.exe, nearest.args
    end
    return made
end

local function process(of, host)
    local name = of.effective_user
    if of.euid == of.uid then
        name = of.user
    end
    local made = {
        pid = of.pid,
        vpid = of.ns_pid,
        name = of.comm,
        executable = of.exe,
        start = of.start_time,
        entity_id = host .. "/" .. keyword(of.pid) .. "/" .. of.start_time,
        user = { id = keyword(of.euid), name = name },
        real_user = { id = keyword(of.uid), name = of.user },
        group = { id = keyword(of.egid or of.gid) },
        real_group = { id = keyword(of.gid) },
        parent = parent(of),
        title = of.title,
        thread = of.tid and { id = of.tid },
    }
    if of.args and #of.args > 0 then
        made.args = of.args
        made.args_count = #of.args
        made.command_line = table.concat(of.args, " ")
    end
    return made
end

local function is_fatal(line)
    if line.target and line.target.fatal then
        return true
    end
    for _, recipient in ipairs(line.recipients or {}) do
        if recipient.fatal then
            return true
        end
    end
    return false
end

local function who(process)
    return process.comm .. " (" .. keyword(process.pid) .. ")"
end

local function whom(target)
    return target.pid and who(target) or target.scope .. " " .. keyword(target.arg)
end

-- Whether the kernel made a signal. It made none if a seccomp filter or supervisor
-- answered the call in its place, whatever `ret` is.
local function is_made(line)
    return line.signal_number == 0 or line.target.outcome ~= nil
        or (line.recipient_count or 0) > 0
end

-- Without `ret`, only the signal was seen, and not how the call ended.
local function outcome(line)
    local ret = line.ret
    return not ret and "unknown" or ret < 0 and "failure" or is_made(line) and "success"
        or "unknown"
end

local function users(line)
    local seen, names = {}, {}
    local function add(party)
        for _, key in ipairs({ "user", "effective_user", "login_user", "tty_user" }) do
            local name = party[key]
            if name and not seen[name] then
                seen[name] = true
                names[#names + 1] = name
            end
        end
    end
    add(line)
    add(line.sender or {})
    add(line.arranged_by or {})
    add(line.target or {})
    add(line.process or {})
    add(line.cause and line.cause.sender or {})
    for _, before in ipairs(line.earlier or {}) do
        add(before.sender or {})
    end
    for _, recipient in ipairs(line.recipients or {}) do
        add(recipient)
    end
    table.sort(names)
    return #names > 0 and names or nil
end

-- The process that an event is about, and where it runs.
local function set_main(made, main, host)
    made.process = process(main, host)
    if main.container then
        made.container = {
            id = main.container,
            runtime = main.container_runtime,
            name = main.container_name or main.pod_container,
            image = main.image and { name = main.image },
        }
    end
    if main.pod then
        made.orchestrator = {
            type = "kubernetes",
            namespace = main.pod_namespace,
            resource = { type = "pod", name = main.pod },
        }
    end
end

local of_type = {}

function of_type.signal(line, made)
    local event = made.event
    event.kind, event.category = "event", { "process" }
    event.action, event.code = line.syscall or line.origin, line.signal
    event.type = { is_fatal(line) and "end" or line.signal_number == 0 and "info" or "change" }
    local sender = line.sender
    if line.origin == "call" then
        event.outcome = outcome(line)
        made.message = who(sender) .. (line.errno and " could not send " or " sent ")
            .. line.signal .. " to " .. whom(line.target)
            .. (line.errno and ": " .. line.errno or "")
        made.error = line.errno and { code = line.errno }
    else
        local behind = sender and line.sender_role ~= "self"
        made.message = line.origin .. ": " .. line.signal .. " to " .. whom(line.target)
            .. (behind and ", " .. line.sender_role .. " " .. who(sender) or "")
    end
    local main = sender or line.target
    set_main(made, main, line.hostname)
    if line.target.pid then
        made.Target = { process = process(line.target, line.hostname) }
    end
end

local ENDS = { killed = " was killed by ", dumped = " dumped core by " }

function of_type.exit(line, made)
    local event = made.event
    event.kind, event.category, event.type = "event", { "process" }, { "end" }
    event.action, event.code = "exit", line.signal
    set_main(made, line.process, line.hostname)
    made.process["end"], made.process.exit_code = line.timestamp, line.exit_code
    local message = who(line.process) .. (line.signal and ENDS[line["end"]] .. line.signal
        or " exited with " .. keyword(line.exit_code))
    local cause = line.cause
    if cause then
        local sender = cause.sender
        message = message .. (line.signal and "" or " after " .. cause.signal)
        if cause.origin ~= "call" then
            message = message .. ", " .. cause.origin
            if sender and cause.sender_role ~= "self" then
                message = message .. ", " .. cause.sender_role .. " " .. who(sender)
            end
        elseif sender then
            message = message .. " from " .. who(sender)
        end
    end
    made.message = message
end

function of_type.recipients(line, made)
    local event = made.event
    event.kind, event.category, event.action = "event", { "process" }, "recipients"
    event.type = { is_fatal(line) and "end" or "change" }
    event.outcome = "success"
    made.message = #line.recipients .. " more recipients of call " .. keyword(line.call_seq)
end

function of_type.lost(line, made)
    made.event.kind, made.event.action, made.event.type = "event", "lost", { "info" }
    made.message = keyword(line.count) .. " " .. line.what .. " have no line: " .. line.reason
end

function of_type.status(line, made)
    made.event.kind, made.event.action, made.event.type = "state", line.state, { "info" }
    made.message = "sigtrail " .. line.state .. ": " .. keyword(line.events) .. " signals, "
        .. keyword(line.lost) .. " lost"
    made.host.os = { kernel = line.kernel }
    made.agent.version = line.version
end

function sigtrail_ecs(tag, timestamp, line)
    local convert = of_type[line.type]
    if not convert then
        -- Not a line of sigtrail: kept unchanged.
        return 0, timestamp, line
    end
    local made = {
        ["@timestamp"] = line.timestamp,
        ecs = { version = "9.0.0" },
        event = {
            module = "sigtrail", provider = "kernel",
            dataset = "sigtrail." .. line.type, sequence = line.seq,
        },
        host = { name = line.hostname, hostname = line.hostname },
        agent = { type = "sigtrail" },
        related = { hosts = { line.hostname }, user = users(line) },
    }
    convert(line, made)
    local rest = without(line, MAPPED_OF_LINE)
    if line.sender then
        local sender = without(line.sender, MAPPED, MAPPED_OF_MAIN)
        rest.sender = next(sender) and sender or nil
    end
    if line.target and line.target.pid then
        rest.target = without(line.target, MAPPED)
    end
    if line.process then
        local dead = without(line.process, MAPPED, MAPPED_OF_MAIN)
        rest.process = next(dead) and dead or nil
    end
    made.sigtrail = rest
    -- 2: the record has changed, its time has not.
    return 2, timestamp, made
end
