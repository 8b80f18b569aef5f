//! What fluent-bit's filter for ECS and its outputs make of lines.

use std::{fs, net::TcpStream, process::Stdio};

use common::{Killed, record, wait_until};
use rustix::process::Signal;
use serde_json::{Deserializer, Value, json};
use tempfile::TempDir;

use crate::{
    GOLDEN, documents,
    fluent_bit::{
        FORMS, FluentBit, Settings, assert_is_time_of, command, dated, documents_of, is_there,
        output, run_until, with_ecs,
    },
    receiver::{self, Receiver},
    replace, text, values,
};

#[test]
fn fluent_bits_filter_makes_the_same_ecs_documents_as_jq() {
    if !is_there() {
        return;
    }
    for form in FORMS {
        let room = TempDir::new().unwrap();
        let path = room.path().join("signals.jsonl");
        record(&path);
        let golden = text(format!("{GOLDEN}/lines.jsonl"));
        fs::write(&path, text(&path) + &golden).unwrap();
        let output = with_ecs(form, &output("stdout", form));
        let settings = Settings::new(form, &room.path().display().to_string(), &output);
        let expected = documents::by_jq(&path);
        run_until(&settings, "all documents", || {
            let printed = settings.printed();
            let lines = printed.lines().filter(|line| line.starts_with('{'));
            lines.count() >= expected.len()
        });
        assert_eq!(documents_of(&settings.printed()), expected, "{form}");
    }
}

/// What an output sent of the golden lines, with or without the filter for ECS.
fn sent(name: &str, form: &'static str, ecs: bool) -> Vec<receiver::Request> {
    let room = TempDir::new().unwrap();
    fs::copy(
        format!("{GOLDEN}/lines.jsonl"),
        room.path().join("signals.jsonl"),
    )
    .unwrap();
    let receiver = Receiver::start();
    let port = match name {
        "loki" => "3100",
        "splunk" => "8088",
        _ => "9200",
    };
    let mut output = replace(&output(name, form), &[(port, receiver.port.to_string())]);
    // Nobody here has a certificate.
    for on in ["tls                       On", "tls: On"] {
        output = output.replace(on, &on.replace("On", "Off"));
    }
    if ecs {
        output = with_ecs(form, &output);
    }
    let settings = Settings::new(form, &room.path().display().to_string(), &output);
    let last = values(&text(format!("{GOLDEN}/lines.jsonl"))).len();
    let last = [
        format!("\"seq\":{last},"),
        format!("\\\"seq\\\":{last},"),
        format!("\"sequence\":{last}"),
    ];
    run_until(&settings, "the last document", || {
        let bodies = receiver.bodies();
        last.iter().any(|last| bodies.contains(last))
    });
    receiver.requests()
}

#[test]
fn fluent_bits_outputs_send_each_document_whole() {
    if !is_there() {
        return;
    }
    let lines = values(&text(format!("{GOLDEN}/lines.jsonl")));
    let ecs = values(&text(format!("{GOLDEN}/ecs.jsonl")));
    for form in FORMS {
        for (name, with_ecs) in [
            ("opensearch", false),
            ("elasticsearch", false),
            ("elasticsearch", true),
        ] {
            let mut documents = Vec::new();
            for request in sent(name, form, with_ecs) {
                assert_eq!(request.path, "/_bulk");
                assert_eq!(
                    request.header("authorization"),
                    "Basic c2lndHJhaWw6c2VjcmV0"
                );
                let pairs = values(&request.body);
                for pair in pairs.chunks(2) {
                    let create = pair[0]["create"].as_object().unwrap();
                    assert_eq!(create["_index"], "sigtrail-2026.11.22");
                    // By which a repeated one is known.
                    assert!(create["_id"].as_str().is_some_and(|id| id.len() == 36));
                    assert_eq!(create.len(), 2);
                    documents.push(pair[1].clone());
                }
                let keys = request.body.matches(r#""@timestamp":"#).count();
                assert_eq!(keys, pairs.len() / 2, "a key is there twice");
            }
            let expected = if with_ecs { ecs.clone() } else { lines.clone() };
            let expected: Vec<_> = expected
                .into_iter()
                .map(|mut line| {
                    if !with_ecs {
                        line["@timestamp"] = line["timestamp"].clone();
                    }
                    line
                })
                .collect();
            assert_eq!(documents, expected, "{name}.{form}");
        }

        let mut sent_lines = Vec::new();
        for request in sent("loki", form, false) {
            assert_eq!(request.path, "/loki/api/v1/push");
            let body: Value = serde_json::from_str(&request.body).unwrap();
            let [stream] = &body["streams"].as_array().unwrap()[..] else {
                panic!("{body}")
            };
            let labels = json!({"job": "sigtrail", "host": "web-1"});
            assert_eq!(stream["stream"], labels);
            for value in stream["values"].as_array().unwrap() {
                let line: Value = serde_json::from_str(value[1].as_str().unwrap()).unwrap();
                let time = value[0].as_str().unwrap().parse().unwrap();
                assert_is_time_of(time, &line);
                sent_lines.push(line);
            }
        }
        assert_eq!(sent_lines, lines, "loki.{form}");

        let mut events = Vec::new();
        for request in sent("splunk", form, false) {
            assert_eq!(request.path, "/services/collector/event");
            assert_eq!(request.header("authorization"), "Splunk token");
            let stream = Deserializer::from_str(&request.body);
            for event in stream.into_iter::<Value>() {
                let event = event.unwrap();
                assert_eq!(event["time"].to_string(), "1795375946.125594");
                assert_eq!(event["host"], "web-1");
                assert_eq!(event["source"], "sigtrail");
                assert_eq!(event["sourcetype"], "_json");
                events.push(event["event"].clone());
            }
        }
        assert_eq!(events, lines, "splunk.{form}");
    }
}

#[test]
fn fluent_bits_forward_output_keeps_the_nanoseconds() {
    if !is_there() {
        return;
    }
    let lines = values(&text(format!("{GOLDEN}/lines.jsonl")));
    for form in FORMS {
        let room = TempDir::new().unwrap();
        let path = room.path().join("signals.jsonl");
        fs::copy(format!("{GOLDEN}/lines.jsonl"), path).unwrap();
        let port = receiver::free_port();
        let args = format!(
            "-q -f 0.05 -i forward -p listen=127.0.0.1 -p port={port} -o file -m * -p file=dated"
        );
        let other = command(room.path())
            .args(args.split(' '))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let other = FluentBit(Killed(other));
        let output = replace(&output("forward", form), &[("24224", port.to_string())]);
        let place = room.path().display().to_string();
        let settings = Settings::new(form, &place, &output);
        let came = || fs::read_to_string(room.path().join("dated")).unwrap_or_default();
        wait_until("the other fluent-bit", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        run_until(&settings, "all lines", || {
            came().lines().count() >= lines.len()
        });
        other.end(Signal::TERM);
        let (times, records): (Vec<_>, Vec<_>) = came().lines().map(dated).unzip();
        assert_eq!(records, lines, "{form}");
        for (time, line) in times.iter().zip(&lines) {
            assert_is_time_of(*time, line);
        }
    }
}

#[test]
fn fluent_bits_kafka_output_takes_each_setting() {
    if !is_there() {
        return;
    }
    for form in FORMS {
        // A broker that the Kafka library brings for tests.
        let broker = match form {
            "conf" => "    rdkafka.test.mock.num.brokers 1\n",
            _ => "      rdkafka.test.mock.num.brokers: 1\n",
        };
        let output = output("kafka", form) + broker;
        let room = TempDir::new().unwrap();
        let settings = Settings::new(form, &room.path().display().to_string(), &output);
        run_until(&settings, "Kafka's output", || {
            text(settings.path("stderr")).contains("topics='sigtrail'")
        });
    }
}
