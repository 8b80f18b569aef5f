//! Turns what the caller asks for into what the programs read.

use super::{
    super::{
        coverage::Mode,
        options::{Args, COMM_MAX, Exits, Filters},
        skel::types,
    },
    layout::read,
    numbers::{call_abi, exits, kernel_signals, syscall_kind},
};
use crate::event::{Abi, Syscall};

/// The filters, without the members of their sets: see [`filter_keys`].
pub fn filters(filters: &Filters, bank: u8) -> types::filters {
    let syscalls = if filters.syscalls.is_empty() {
        &Syscall::ALL[..]
    } else {
        &filters.syscalls
    };
    types::filters {
        signals: filters.signals.mask,
        sets: (filter_keys(filters, bank).iter()).fold(0, |bits, key| bits | 1 << key.kind.0),
        signal_zero: filters.signals.zero.into(),
        signal_other: filters.signals.other.into(),
        syscalls: (syscalls.iter()).fold(0, |bits, &call| bits | 1 << syscall_kind(call).0),
        failed_only: filters.failed.into(),
        fatal_only: filters.fatal.into(),
        kernel_signals: kernel_signals(filters.kernel_signals),
        exits: exits(filters.exits),
        asking: match filters.exits {
            Exits::All => filters.asking.mask,
            Exits::None | Exits::Killed => 0,
        },
        bank,
        ..Default::default()
    }
}

/// The members of the filters' sets, as keys of the map that holds them all.
pub fn filter_keys(filters: &Filters, bank: u8) -> Vec<types::filter_key> {
    use types::filter_kind as Kind;
    let numbers = [
        (Kind::FILTER_SENDER_PID, &filters.sender_pids),
        (Kind::FILTER_TARGET_PID, &filters.target_pids),
        (Kind::FILTER_SENDER_UID, &filters.sender_uids),
        (Kind::FILTER_TARGET_UID, &filters.target_uids),
    ];
    let names = [
        (Kind::FILTER_SENDER_COMM, &filters.sender_comms),
        (Kind::FILTER_TARGET_COMM, &filters.target_comms),
    ];
    let mut keys = Vec::new();
    for (kind, set) in numbers {
        keys.extend((set.iter()).map(|number| filter_key(bank, kind, &number.to_ne_bytes())));
    }
    for (kind, set) in names {
        keys.extend((set.iter()).map(|name| filter_key(bank, kind, name.as_bytes())));
    }
    keys
}

fn filter_key(bank: u8, kind: types::filter_kind, member: &[u8]) -> types::filter_key {
    let mut key = types::filter_key {
        bank: bank.into(),
        kind,
        ..Default::default()
    };
    // The last byte is left for the NUL that ends a name.
    for (to, from) in key.value.iter_mut().zip(member.iter().take(COMM_MAX)) {
        *to = *from;
    }
    key
}

/// The bank of a key of that map; none if the bytes are no key.
pub fn bank_of(key: &[u8]) -> Option<u32> {
    let key: types::filter_key = read(key, size_of::<types::filter_key>())?;
    Some(key.bank)
}

/// A bit for each ABI.
pub fn abi_bits(abis: impl IntoIterator<Item = Abi>) -> u32 {
    (abis.into_iter()).fold(0, |bits, abi| bits | 1 << call_abi(abi).0)
}

/// Which arguments leave the kernel.
pub const fn args_mode(args: Args) -> types::args_mode {
    match args {
        Args::Full => types::args_mode::ARGS_FULL,
        Args::First => types::args_mode::ARGS_FIRST,
        Args::None => types::args_mode::ARGS_NONE,
    }
}

/// How calls in the machine's own ABI are hooked.
pub const fn attach_mode(mode: Mode) -> types::attach_mode {
    match mode {
        Mode::Tracepoint => types::attach_mode::ATTACH_TRACEPOINT,
        Mode::Kprobe => types::attach_mode::ATTACH_KPROBE,
        Mode::Raw => types::attach_mode::ATTACH_RAW,
        Mode::LightKprobe | Mode::Light => types::attach_mode::ATTACH_LIGHT,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::layout::bytes_of, *};
    use crate::names::SignalSet;

    #[test]
    fn empty_filters_let_everything_through() {
        let wire = filters(&Filters::default(), 1);
        assert_eq!(wire.signals, SignalSet::default().mask);
        assert_eq!((wire.signal_zero, wire.signal_other), (1, 1));
        assert_eq!(wire.syscalls, 0b11_1111);
        assert_eq!(wire.sets, 0);
        assert_eq!((wire.failed_only, wire.fatal_only, wire.bank), (0, 0, 1));
        assert!(filter_keys(&Filters::default(), 1).is_empty());
    }

    #[test]
    fn a_set_has_a_bit_and_its_members_are_keys_of_its_bank() {
        let asked = Filters {
            target_pids: vec![7, 0x0102_0304],
            sender_comms: vec!["longer than a name is".to_owned()],
            syscalls: vec![Syscall::Tkill],
            ..Filters::default()
        };
        let wire = filters(&asked, 0);
        let bit = |kind: types::filter_kind| 1 << kind.0;
        assert_eq!(
            wire.sets,
            bit(types::filter_kind::FILTER_TARGET_PID)
                | bit(types::filter_kind::FILTER_SENDER_COMM)
        );
        assert_eq!(wire.syscalls, 1 << types::syscall_kind::SYSCALL_TKILL.0);

        let keys = filter_keys(&asked, 0);
        let found: Vec<_> = keys.iter().map(|key| (key.kind, key.value)).collect();
        let number = |number: u32| {
            let mut value = [0; 16];
            value[..4].copy_from_slice(&number.to_ne_bytes());
            value
        };
        assert_eq!(
            found,
            [
                (types::filter_kind::FILTER_TARGET_PID, number(7)),
                (types::filter_kind::FILTER_TARGET_PID, number(0x0102_0304)),
                (
                    types::filter_kind::FILTER_SENDER_COMM,
                    *b"longer than a n\0"
                ),
            ]
        );
    }

    #[test]
    fn a_key_is_found_by_its_bank() {
        let asked = Filters {
            sender_uids: vec![0],
            ..Filters::default()
        };
        for bank in [0, 1] {
            let keys = filter_keys(&asked, bank);
            assert_eq!(bank_of(bytes_of(&keys[0])), Some(bank.into()));
        }
        assert_eq!(bank_of(b"short"), None);
    }

    #[test]
    fn each_abi_has_a_bit_of_its_own() {
        assert_eq!(abi_bits([]), 0);
        assert_eq!(abi_bits([Abi::Native, Abi::X32]), 0b101);
        assert_eq!(abi_bits(Abi::ALL), 0b1111);
    }
}
