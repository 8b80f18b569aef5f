//! Ends of every kind, mixed at random.

use std::{
    collections::BTreeMap,
    env,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::play;

/// Most of them are one end, a group 50.
const PLAYS: &str = "2000";

/// What a run repeats, as far as a machine lets it: the kinds and their details.
fn seed() -> String {
    env::var("SIGTRAIL_SEED").unwrap_or_else(|_| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        now.as_micros().to_string()
    })
}

#[test]
fn each_end_that_a_signal_led_to_has_one_line_with_its_cause() {
    let seed = seed();
    let plays = env::var("SIGTRAIL_PLAYS").unwrap_or_else(|_| PLAYS.to_owned());
    println!("SIGTRAIL_SEED={seed} SIGTRAIL_PLAYS={plays}");
    let played = play("scripted", &[&seed, &plays], &[]);
    let mut kinds: BTreeMap<_, usize> = BTreeMap::new();
    for truth in &played.said {
        let words = ["kind", "end"].map(|key| truth[key].as_str().unwrap());
        *kinds.entry(words).or_default() += 1;
    }
    println!("{} ends: {kinds:?}", played.said.len());
    assert!(played.said.len() >= plays.parse().unwrap());
    println!("{} lines", played.assert_right());
}
