//! Whatever stands in a ring becomes an event or is refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigtrail::{Event, decode_record};

fuzz_target!(|bytes: &[u8]| {
    if let Ok((_, event)) = decode_record(bytes) {
        // What was decoded can be asked for everything.
        let _ = format!("{event:?}");
        if let Event::Call(call) = event {
            let _ = (call.scope(), call.signal, call.sender.image_key());
        }
    }
});
