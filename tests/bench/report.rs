//! What the rounds found, as tables.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    flood::{Call, Flood},
    table::{mean, median, number, percent, print, spread},
};

const WORST_RATIO: f64 = 1.0 / 7.0;
const WORST_RATIO_REACHED: f64 = 1.0 / 4.0;
const MOST_CPU_US: f64 = 1.5;
const MOST_IDLE: f64 = 0.002;
const MOST_MIB: f64 = 16.0;

/// What all rounds found of a row.
#[derive(Debug, Default)]
pub struct Row {
    name: String,
    peer: bool,
    /// ns a call, of those of [`Call::ALL`].
    ns: BTreeMap<Call, Vec<f64>>,
    pub share: Vec<f64>,
    pub cpu_us: Vec<f64>,
    pub mib: Vec<f64>,
}

impl Row {
    pub fn new(name: &str, peer: bool) -> Self {
        Self {
            name: name.to_owned(),
            peer,
            ..Self::default()
        }
    }

    pub fn add(&mut self, call: Call, flood: Flood) {
        self.ns.entry(call).or_default().push(flood.ns_per_call);
    }

    pub fn ns(&self, call: Call) -> &[f64] {
        self.ns.get(&call).map_or(&[], Vec::as_slice)
    }

    /// Round by round, for the machine's mood changes in between.
    fn added(&self, call: Call, untraced: &Self) -> f64 {
        let pairs = self.ns(call).iter().zip(untraced.ns(call));
        median(
            &pairs
                .map(|(traced, plain)| traced - plain)
                .collect::<Vec<_>>(),
        )
    }
}

fn one_in(ratio: f64) -> String {
    if ratio > 0.0 && ratio < 1.0 {
        format!("1/{:.1}", 1.0 / ratio)
    } else {
        number(ratio)
    }
}

/// Prints what was found of each row, and which targets were met.
pub fn report(untraced: &Row, rows: &[Row], idle: f64, idle_lines: u64, idle_time: Duration) {
    let cheapest = (rows.iter().filter(|row| row.peer))
        .map(|row| row.added(Call::Exists, untraced))
        .fold(f64::INFINITY, f64::min);
    let heading = [
        "",
        "ns/kill",
        "±",
        "ns added",
        "of cheapest peer's",
        "calls as lines",
        "CPU µs/event",
        "RSS MiB",
    ];
    let mut cells = vec![heading.map(str::to_owned).to_vec()];
    cells.push(vec![
        untraced.name.clone(),
        number(median(untraced.ns(Call::Exists))),
        percent(spread(untraced.ns(Call::Exists))),
    ]);
    for row in rows {
        let added = row.added(Call::Exists, untraced);
        cells.push(vec![
            row.name.clone(),
            number(median(row.ns(Call::Exists))),
            percent(spread(row.ns(Call::Exists))),
            number(added),
            one_in(added / cheapest),
            percent(mean(&row.share)),
            number(median(&row.cpu_us)),
            number(median(&row.mib)),
        ]);
    }
    print(&cells);

    println!("\nOther calls, ns each and (ns added):\n");
    let heading = [
        "",
        "getppid",
        "kill, ignored",
        "kill, blocked",
        "kill, handled",
    ];
    let mut cells = vec![heading.map(str::to_owned).to_vec()];
    for row in [untraced].into_iter().chain(rows) {
        let mut line = vec![row.name.clone()];
        for call in Call::ALL.into_iter().filter(|&call| call != Call::Exists) {
            let ns = number(median(row.ns(call)));
            line.push(if row.share.is_empty() {
                ns
            } else {
                format!("{ns} ({})", number(row.added(call, untraced)))
            });
        }
        cells.push(line);
    }
    print(&cells);

    println!("\nTargets:\n");
    let [own, excluded, ..] = rows else { return };
    let added = own.added(Call::Exists, untraced);
    let added_excluded = excluded.added(Call::Exists, untraced);
    let cpu_us = median(&own.cpu_us);
    let mib = median(&own.mib);
    let verdict = |met: bool| if met { "ok" } else { "MISSED" }.to_owned();
    print(&[
        vec![
            "ns added, at most 1/7 of the cheaper peer's".to_owned(),
            one_in(added / cheapest),
            verdict(added / cheapest <= WORST_RATIO),
        ],
        vec![
            "likewise with a recipient recorded, at most 1/4".to_owned(),
            one_in(own.added(Call::Ignored, untraced) / cheapest),
            verdict(own.added(Call::Ignored, untraced) / cheapest <= WORST_RATIO_REACHED),
        ],
        vec![
            "ns added to an excluded call, less than to an included one".to_owned(),
            one_in(added_excluded / added),
            verdict(added_excluded < added),
        ],
        vec![
            "every call of the flood has a line".to_owned(),
            percent(mean(&own.share)),
            verdict(own.share.iter().all(|&share| share >= 1.0)),
        ],
        vec![
            "tracer's CPU, at most 1.5 µs an event".to_owned(),
            format!("{} µs", number(cpu_us)),
            verdict(cpu_us <= MOST_CPU_US),
        ],
        vec![
            format!(
                "CPU while idle ({} s, {idle_lines} lines came), below 0.2 % of a core",
                idle_time.as_secs()
            ),
            format!("{:.3} %", idle * 100.0),
            verdict(idle < MOST_IDLE),
        ],
        vec![
            "RSS, at most 16 MiB".to_owned(),
            format!("{} MiB", number(mib)),
            verdict(mib <= MOST_MIB),
        ],
    ]);
}
