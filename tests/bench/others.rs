//! What they pay who signal nobody: other system calls, and processes that come and go.

use anyhow::{Context, Result};

use crate::{
    Bench, LIGHT,
    flood::Call,
    sigtrail,
    table::{median, number, percent, print, spread},
    tracer::Tracer,
};

const TRACER: &str = "sigtrail";

/// Floods a round and way: the machine's mood changes faster than a tracer starts.
const FLOODS: usize = 3;
/// What counts as nothing: two untraced floods differ by as much.
const NOTHING: f64 = 1.02;

impl Bench {
    /// Each flood beside a tracer is compared with those before and after it beside
    /// none, and these with each other.
    pub fn others(&self) -> Result<()> {
        println!(
            "What they pay who signal nobody: the quickest of {FLOODS} floods of {} ms\nbeside a \
             tracer, and its ratio to those before and after. Medians of {} rounds.\n",
            (self.flood_time / 3).as_millis(),
            self.rounds,
        );
        self.compare("getppid beside", Call::Getppid, &[LIGHT])?;
        println!();
        self.compare(
            "fork, exec and exit beside",
            Call::Process,
            &[TRACER, LIGHT],
        )
    }

    /// Those `free` should pay nothing.
    fn compare(&self, what: &str, call: Call, free: &[&str]) -> Result<()> {
        let specs = [
            sigtrail(LIGHT, &["--attach", "light"]),
            sigtrail(TRACER, &[]),
        ];
        let (mut untraced, mut again) = (Vec::new(), Vec::new());
        let mut found = specs.each_ref().map(|_| (Vec::new(), Vec::new()));
        for round in 0..self.rounds {
            self.say_round(round);
            for (spec, (ns, ratios)) in specs.iter().zip(&mut found) {
                let before = self.quickest(call)?;
                let tracer = Tracer::start(spec, self.directory.path());
                let mut tracer = tracer.with_context(|| spec.name.clone())?;
                let beside = self.quickest(call)?;
                tracer.stop()?;
                let after = self.quickest(call)?;
                ns.push(beside);
                ratios.push(2.0 * beside / (before + after));
                again.push(after / before);
                untraced.push(before);
            }
        }
        self.say_round(self.rounds);
        let heading = [what, "ns", "of untraced", "±", ""];
        let mut cells = vec![heading.map(str::to_owned).to_vec()];
        let row = |name: &str, ns: &[f64], ratios: &[f64], verdict: &str| {
            let ratio = format!("{:.3}", median(ratios));
            vec![
                name.to_owned(),
                number(median(ns)),
                ratio,
                percent(spread(ratios)),
                verdict.to_owned(),
            ]
        };
        cells.push(row("nobody, twice", &untraced, &again, ""));
        for (spec, (ns, ratios)) in specs.iter().zip(&found) {
            let verdict = match median(ratios) <= NOTHING {
                _ if !free.contains(&spec.name.as_str()) => "",
                true => "ok: nothing",
                false => "MISSED",
            };
            cells.push(row(&spec.name, ns, ratios, verdict));
        }
        print(&cells);
        Ok(())
    }

    /// ns a call: the quickest of a few floods, which others disturbed least.
    fn quickest(&self, call: Call) -> Result<f64> {
        let mut least = f64::INFINITY;
        for _ in 0..FLOODS {
            let flood = (self.flooder).run(call, self.cpu(), self.flood_time / 3)?;
            least = least.min(flood.ns_per_call);
        }
        Ok(least)
    }
}
