//! The JSON Schema, derived from the types that make the lines. The doc comments
//! of [`crate::record`] are the descriptions.

use std::borrow::Cow;

use schemars::{
    JsonSchema, Schema, SchemaGenerator,
    generate::SchemaSettings,
    json_schema,
    transform::{Transform, transform_subschemas},
};
use serde_json::{Map, Value, json};

use crate::{
    clock::Timestamp,
    record::{Exit, Lost, Recipient, Recipients, Signal, Status},
};

/// +1 for each change that an older reader of lines could stumble over: a field
/// that is gone, or means something else. New fields are no such change.
pub const VERSION: u32 = 2;

/// The JSON Schema of all lines.
pub fn schema() -> Value {
    let mut generator = generator();
    let one_of = [
        generator.subschema_for::<Signal<'static>>(),
        generator.subschema_for::<Recipients<'static>>(),
        generator.subschema_for::<Exit<'static>>(),
        generator.subschema_for::<Lost<'static>>(),
        generator.subschema_for::<Status<'static>>(),
    ];
    // `target` has either all that a recipient must have, or nothing of it.
    let recipient = generator.root_schema_for::<Recipient<'static>>();
    let mut definitions = generator.take_definitions(true);
    if let Some(target) = definitions.get_mut("target") {
        target["dependentRequired"] =
            dependent(recipient.get("properties"), recipient.get("required"));
    }
    if let Some(signal) = definitions.get_mut("signal") {
        signal["if"] = json!({"properties": {"origin": {"const": "call"}}});
        signal["then"] = json!({
            "required": ["syscall", "sender"],
            "oneOf": [{"required": ["ret"]}, {"required": ["witness_only"]}],
        });
        signal["else"] = json!({
            "properties": {"syscall": false, "ret": false, "errno": false, "witness_only": false},
            "dependentRequired": {"sender": ["sender_role"], "sender_role": ["sender"]},
        });
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:sigtrail:schema:{VERSION}"),
        "title": "sigtrail",
        "description": "One line of sigtrail's output: a JSON object in UTF-8 of at most 4096 \
            bytes, its line end included. No field is ever null: what is not known, or does not \
            apply, is absent. In texts that a process or a user can make up, a byte that is not \
            UTF-8 stands as \\xNN, and a backslash before an x as \\x5c. Characters that a \
            terminal might obey (controls, and those that are invisible or turn the direction \
            of text) are written as JSON's \\uNNNN.",
        "oneOf": one_of,
        "$defs": definitions,
    })
}

pub(super) fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12()
        .for_serialize()
        .with_transform(AsWritten)
        .into_generator()
}

/// Each of the properties asks for all that are required.
fn dependent(properties: Option<&Value>, required: Option<&Value>) -> Value {
    let names = properties.and_then(Value::as_object).into_iter().flatten();
    (names.map(|(name, _)| (name.clone(), required.cloned().unwrap_or_default())))
        .collect::<Map<_, _>>()
        .into()
}

impl JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "pattern": r"^[0-9]{4}(-[0-9]{2}){2}T([0-9]{2}:){2}[0-9]{2}\.[0-9]{9}Z$",
        })
    }
}

/// What the types alone do not say: nothing is null, a flag that does not hold
/// is left out, numbers have bounds, and there are no other keys.
#[derive(Debug, Clone)]
struct AsWritten;

impl Transform for AsWritten {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let required: Vec<Value> = (schema.get("required").and_then(Value::as_array))
            .cloned()
            .unwrap_or_default();
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            for (name, property) in properties {
                let always = required.iter().any(|required| required == name);
                if !always && property["type"] == "boolean" && property.get("x-maybe").is_none() {
                    property["const"] = true.into();
                }
                if let Some(property) = property.as_object_mut() {
                    property.remove("x-maybe");
                }
            }
            schema.remove("unevaluatedProperties");
            schema.insert("additionalProperties".to_owned(), false.into());
        }
        if let Some(object) = schema.as_object_mut() {
            never_null(object);
            bound(object);
            one_line(object);
        }
    }
}

fn never_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = &types[..] {
            let only = only.clone();
            if only == "boolean" {
                object.insert("x-maybe".to_owned(), true.into());
            }
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(any)) = object.get_mut("anyOf") {
        any.retain(|one| one["type"] != "null");
        if let [Value::Object(only)] = &any[..] {
            let only = only.clone();
            object.remove("anyOf");
            object.extend(only);
        }
    }
}

/// Rust's name of a number's size says nothing to others; its bounds do.
fn bound(object: &mut Map<String, Value>) {
    let (least, most) = match object.get("format").and_then(Value::as_str) {
        Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
        Some("uint32") => (0, i64::from(u32::MAX)),
        // More than this is rounded by readers that know only doubles.
        Some("uint64") => (0, 1 << 53),
        _ => return,
    };
    object.remove("format");
    object.entry("minimum").or_insert_with(|| least.into());
    object.entry("maximum").or_insert_with(|| most.into());
}

fn one_line(object: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = object.get_mut("description") {
        *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::value::RawValue;

    use super::*;
    use crate::{
        clock::Clock,
        event::{
            Abi, Call, Comm, Disposition, EndedBy, Exit, Fate, Generated, Limit, OomFigures,
            Origin, Outcome, Recipient, Role, SentInfo, Signal as Event, Source, Syscall,
            samples::{call, exit, generated, process},
        },
        identity::{Names, Users},
        loss::{Entry, Reason, Unreported},
        record::{
            self, Context, Cutter, Endpoints, ExitContext, Gauges, Head, Limits, Machine, State,
            to_json,
        },
    };

    const HOSTNAME: &str = "machine";

    struct Lines {
        validator: common::Validator,
        users: Users,
        clock: Clock,
        names: Names,
    }

    impl Lines {
        fn new() -> Self {
            Self {
                validator: common::validator(&schema()),
                users: Users::system(),
                clock: Clock::new(),
                names: Names::default(),
            }
        }

        fn head(&self) -> Head<'static> {
            Head {
                timestamp: self.clock.start_time(1),
                seq: 1,
                hostname: HOSTNAME,
            }
        }

        #[track_caller]
        fn check(&self, record: &impl Serialize) -> Value {
            let line = serde_json::to_value(record).unwrap();
            assert!(self.validator.is_valid(&line), "{line:#}");
            line
        }

        #[track_caller]
        fn check_call(&self, call: &Call, recipients: &[Box<RawValue>]) -> Value {
            self.check_signal(&Event::Call(*call), recipients)
        }

        #[track_caller]
        fn check_signal(&self, signal: &Event, recipients: &[Box<RawValue>]) -> Value {
            let context = self.context(signal);
            let endpoints = Endpoints::new(context, Limits::STEPS[0]);
            self.check(&Signal::new(self.head(), context, endpoints, recipients))
        }

        fn context<'a>(&'a self, signal: &'a Event) -> Context<'a> {
            Context {
                signal,
                late: true,
                sender: signal.sender().map(|sender| (sender, &self.names)),
                arranged_by: signal.arranged_by().map(|by| (by, &self.names)),
                target: signal.recipient().map(|known| (known, &self.names)),
                machine: self.machine(),
                own_pid: 2,
            }
        }

        fn machine(&self) -> Machine<'_> {
            Machine {
                users: &self.users,
                host_mnt_ns: 1,
                clock: &self.clock,
            }
        }
    }

    fn recipients() -> impl Iterator<Item = Recipient> {
        let fates = Outcome::ALL.into_iter().flat_map(|outcome| {
            Disposition::ALL.map(|disposition| {
                Some(Fate {
                    outcome,
                    disposition,
                    fatal: Some(false),
                    blocked: true,
                    stopped: true,
                    traced: true,
                    spared_init: true,
                    threads: 1,
                })
            })
        });
        fates
            .chain([None])
            .zip(Source::ALL.into_iter().cycle())
            .map(|(fate, source)| {
                let mut process = process(2);
                process.ns_level = 1;
                process.egid = 7;
                process.mnt_ns = 2;
                process.euid = u32::MAX;
                process.loginuid = Some(0);
                process.session = Some(1);
                (process.exiting, process.zombie, process.kernel_thread) = (true, true, true);
                Recipient {
                    process,
                    source,
                    sender_ns_pid: None,
                    fate,
                }
            })
    }

    #[test]
    fn calls_with_every_kind_of_result_are_valid() {
        let lines = Lines::new();
        for recipient in recipients() {
            let mut call = call(1);
            call.recipient = Some(recipient);
            lines.check_call(&call, &[]);
        }
        for abi in Abi::OTHER {
            let mut call = call(1);
            (call.abi, call.witness_only) = (abi, true);
            let line = lines.check_call(&call, &[]);
            assert_eq!(line["abi"], abi.name());
            assert!(line.get("ret").is_none());
        }
        for (code, value, pid) in [(-1, u64::MAX, 1), (-2, 0, 0), (0x80, 1 << 40, i32::MIN)] {
            let mut call = call(1);
            call.info = Some(SentInfo {
                code,
                value,
                pid,
                uid: u32::MAX,
                real_uid: 0,
            });
            lines.check_call(&call, &[]);
        }
        for syscall in Syscall::ALL {
            for signal in [i32::MIN, -1, 0, 9, 31, 32, 34, 40, 64, 65, i32::MAX] {
                for ret in [i32::MIN, -4095, -3, -1, 0] {
                    let mut call = call(1);
                    (call.syscall, call.signal, call.ret) = (syscall, signal, ret);
                    (call.arg, call.arg_tid, call.entry_missing) = (i32::MAX, i32::MIN, true);
                    let line = lines.check_call(&call, &[]);
                    assert_eq!(line.get("errno").is_some(), ret < 0);
                }
            }
        }
    }

    #[test]
    fn signals_that_no_call_sent_are_valid() {
        let lines = Lines::new();
        for origin in &Origin::ALL[1..] {
            let plain = generated(1, *origin, 2);
            let line = lines.check_signal(&Event::Generated(plain), &[]);
            assert_eq!(line["origin"], origin.name());
            assert_eq!(line["sender_role"], "trigger");
            for absent in ["syscall", "ret"] {
                assert!(line.get(absent).is_none(), "{line:#}");
            }
            for role in [None].into_iter().chain(Role::ALL.map(Some)) {
                let full = Generated {
                    code: Some(1),
                    to_thread: true,
                    address: Some(u64::MAX),
                    limit: Some(Limit {
                        number: 15,
                        soft: Some(u64::MAX),
                        hard: None,
                    }),
                    tty: Comm(*b"pts/\xff\n\0\0\0\0\0\0\0\0\0\0"),
                    tty_uid: Some(u32::MAX),
                    sender: role.map(|role| (role, process(1))),
                    arranged_by: Some(process(3)),
                    oom: Some(OomFigures {
                        total_vm: 1,
                        anon_rss: 2,
                        file_rss: 3,
                        shmem_rss: 4,
                        pgtables: 5,
                        oom_score_adj: -1000,
                    }),
                    ..plain
                };
                let line = lines.check_signal(&Event::Generated(full), &[]);
                assert_eq!(line.get("sender").is_some(), role.is_some());
                assert_eq!(line.get("relation").is_some(), role.is_some());
            }
        }
    }

    #[test]
    fn calls_to_groups_and_their_recipients_are_valid() {
        let lines = Lines::new();
        for arg in [0, -1, -2, i32::MIN] {
            let mut call = call(1);
            (call.arg, call.recipient_count, call.recipients_lost) = (arg, 9, 1);
            let event = Event::Call(call);
            let context = lines.context(&event);
            let group: Vec<_> = recipients()
                .map(|recipient| {
                    let mut cutter = Cutter::new(Limits::GLANCE);
                    to_json(&record::Recipient::new(
                        &recipient,
                        &lines.names,
                        context,
                        &mut cutter,
                    ))
                })
                .collect();
            lines.check_call(&call, &[]);
            lines.check_call(&call, &group);
            lines.check(&Recipients {
                timestamp: lines.head().timestamp,
                r#type: "recipients",
                seq: 2,
                hostname: HOSTNAME,
                call_seq: 1,
                late: true,
                recipients: &group,
            });
        }
    }

    #[test]
    fn exits_of_all_kinds_are_valid() {
        let lines = Lines::new();
        let past = |role: Option<Role>| record::Past {
            seq: 1,
            time_ns: 1,
            origin: Origin::Call,
            signal: 15,
            sender: Some((process(1), Names::default())),
            role,
            threads: 1,
        };
        let pasts = [past(None), past(Some(Role::Trigger))];
        let by = [None, Some(EndedBy::Seccomp), Some(EndedBy::Tracer)];
        for (status, by) in [0, 0xff00, 9, 0x8b, 64]
            .into_iter()
            .zip(by.into_iter().cycle())
        {
            for cause in [None, Some(&pasts[0]), Some(&pasts[1])] {
                let exit = Exit {
                    by,
                    ..exit(2_000_000, 2, status)
                };
                let context = ExitContext {
                    exit: &exit,
                    late: true,
                    process: (&process(2), &lines.names),
                    cause,
                    earlier: &pasts,
                    machine: lines.machine(),
                };
                let line = lines.check(&record::Exit::new(lines.head(), context, Limits::STEPS[0]));
                assert_eq!(line.get("signal").is_some(), status & 0x7f != 0);
                assert_eq!(line.get("exit_code").is_some(), status & 0x7f == 0);
                assert_eq!(line["earlier"].as_array().map(Vec::len), Some(2));
            }
        }
    }

    #[test]
    fn lines_about_the_stream_are_valid() {
        let lines = Lines::new();
        let head = lines.head();
        for entry in Entry::all() {
            let loss = Unreported {
                entry,
                count: 1,
                since_ns: 0,
            };
            lines.check(&Lost::new(head, loss, head.timestamp));
        }
        let full = Gauges {
            sink_errors: [("ENOSPC".to_owned(), 1)].into(),
            ..Gauges::default()
        };
        for state in State::ALL {
            for (reasons, gauges, reason, filters) in [
                (&[][..], &Gauges::default(), None, ""),
                (&Reason::ALL, &full, Some("because"), "sender_pid=1"),
            ] {
                lines.check(&Status {
                    timestamp: head.timestamp,
                    r#type: "status",
                    seq: 1,
                    hostname: HOSTNAME,
                    state: state.name(),
                    reason,
                    version: "1",
                    kernel: "6.1",
                    attach: Some("raw"),
                    uncovered: &["some"],
                    events: 0,
                    lost: 0,
                    lost_by_reason: reasons.iter().map(|reason| (reason.name(), 1)).collect(),
                    late: 0,
                    gauges,
                    filters,
                });
            }
        }
    }
}
