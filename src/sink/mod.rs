//! Where lines go. The only code that writes them; it knows nothing of events.
