//! What system calls pay that nobody traces.

use anyhow::{Context, Result};

use crate::{
    Bench, LIGHT,
    flood::Call,
    sigtrail,
    table::{median, number, percent, print, spread},
    tracer::Tracer,
};

/// Floods a round and way: the machine's mood changes faster than a tracer starts.
const FLOODS: usize = 3;
/// What counts as nothing: two untraced floods differ by as much.
const NOTHING: f64 = 1.02;

impl Bench {
    /// Each flood of getppid beside a tracer is compared with those before and
    /// after it beside none, and these with each other.
    pub fn others(&self) -> Result<()> {
        let specs = [
            sigtrail(LIGHT, &["--attach", "light"]),
            sigtrail("sigtrail", &[]),
        ];
        let (mut untraced, mut again) = (Vec::new(), Vec::new());
        let mut found = specs.each_ref().map(|_| (Vec::new(), Vec::new()));
        for round in 0..self.rounds {
            self.say_round(round);
            for (spec, (ns, ratios)) in specs.iter().zip(&mut found) {
                let before = self.getppid()?;
                let tracer = Tracer::start(spec, self.directory.path());
                let mut tracer = tracer.with_context(|| spec.name.clone())?;
                let beside = self.getppid()?;
                tracer.stop()?;
                let after = self.getppid()?;
                ns.push(beside);
                ratios.push(2.0 * beside / (before + after));
                again.push(after / before);
                untraced.push(before);
            }
        }
        self.say_round(self.rounds);
        println!(
            "What a system call pays that nobody traces: the quickest of {FLOODS} floods of {} \
             ms\nbeside a tracer, and its ratio to those before and after. Medians of {} rounds.\n",
            (self.flood_time / 3).as_millis(),
            self.rounds,
        );
        let heading = ["getppid beside", "ns", "of untraced", "±", ""];
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
                _ if spec.name != LIGHT => "",
                true => "ok: nothing",
                false => "MISSED",
            };
            cells.push(row(&spec.name, ns, ratios, verdict));
        }
        print(&cells);
        Ok(())
    }

    /// ns a call: the quickest of a few floods, which others disturbed least.
    fn getppid(&self) -> Result<f64> {
        let mut least = f64::INFINITY;
        for _ in 0..FLOODS {
            let flood = (self.flooder).run(Call::Getppid, self.cpu(), self.flood_time / 3)?;
            least = least.min(flood.ns_per_call);
        }
        Ok(least)
    }
}
