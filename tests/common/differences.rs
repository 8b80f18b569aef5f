//! What is wrong in one line.

use serde_json::Value;

#[derive(Debug, Default)]
pub struct Differences(pub Vec<String>);

impl Differences {
    pub fn must(&mut self, field: &str, is: &Value, must: impl Into<Value>) {
        let must = must.into();
        if *is != must {
            self.0.push(format!("{field} is {is}, must be {must}"));
        }
    }

    pub fn check(&mut self, is_so: bool, what: &str) {
        if !is_so {
            self.0.push(what.to_owned());
        }
    }
}
