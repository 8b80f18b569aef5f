//! Whatever stands in a configuration file is taken or refused; what is taken
//! reads the same when it is shown and read again.

#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use sigtrail::{Config, Users, shown};

thread_local! {
    static USERS: LazyCell<Users> = LazyCell::new(Users::system);
}

fuzz_target!(|bytes: &[u8]| {
    USERS.with(|users| match Config::from_bytes(bytes, users) {
        Ok(config) => {
            let text = shown(&config);
            let again = Config::from_bytes(text.as_bytes(), users).expect(&text);
            assert_eq!(shown(&again), text);
        }
        Err(why) => assert!(!why.to_string().contains('\0')),
    });
});
