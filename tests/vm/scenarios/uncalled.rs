//! Signals that no call sends: what the lines say of them is compared with
//! `tests/ways/table.tsv`, and the golden file has which of the ways this kernel
//! knows.

use common::ways::{Told, Way};
use serde_json::json;

use crate::stage::Stage;

pub fn all(stage: &mut Stage) {
    stage.trace(&["--kernel-signals", "all"]);
    let ways = Way::all();
    let truths: Vec<_> = ways.iter().map(Way::go).collect();
    let lines = stage.stop().signals();
    let told = Told { arrangers: true };
    let mut wrong = Vec::new();
    for (way, truth) in ways.iter().zip(&truths) {
        let mut found = "not gone";
        if let Some(truth) = truth {
            found = "no line";
            wrong.extend(way.unexplained(truth, &lines));
            if way.has_line() {
                found = "line";
                match way.line(truth, &lines) {
                    Ok(line) => wrong.extend(way.wrong(truth, line, told)),
                    Err(why) => wrong.push(why),
                }
            }
        }
        stage.lines.push(json!({ "way": way.name, "found": found }));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
