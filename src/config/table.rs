//! What the table of options makes of its rows.

/// What it takes to change an option of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A restart.
    Restart,
    /// A reload.
    Reload,
    /// A reload: it is one of the filters.
    Filter,
}

/// Makes four things of the rows of the table:
///
/// - `TraceArgs`: options as they were given. The command line is read into it
///   by clap's derive, the file by way of the rows.
/// - `Config`: a value for each option.
/// - `Row` and `ROWS`: the options that the file can have, and what is done with
///   each of them.
macro_rules! options {
    ($(
        $heading:literal {$(
            $(#[doc = $help:tt])+
            #[arg($($flag:tt)*)]
            $key:ident: $kind:ty {
                default: $default:expr
                $(, file: $wanted:expr $(, parse: $parse:expr)?, change: $change:ident)?
                $(,)?
            }
        )*}
    )*) => {
        use $crate::{
            config::{
                table::Change,
                values::{Kind, read_by},
            },
            identity::Users,
        };

        /// Options as they were given: on the command line, or in a file by the
        /// same names.
        #[derive(Debug, Clone, Default, clap::Args)]
        pub struct TraceArgs {$($(
            $(#[doc = $help])+
            #[arg(long, help_heading = $heading, $($flag)*)]
            $($(#[arg(value_parser = $parse)])?)?
            pub $key: Option<$kind>,
        )*)*}

        impl TraceArgs {
            /// These options; where one is absent, that of the file.
            #[must_use]
            pub fn over(self, file: Self) -> Self {
                Self {$($(
                    $key: self.$key.or(file.$key),
                )*)*}
            }
        }

        /// What a run does: a value for each option, all in range.
        #[derive(Debug, Clone)]
        pub struct Config {$($(
            $(#[doc = $help])+
            pub $key: $kind,
        )*)*}

        impl Config {
            /// What was given, and defaults for the rest. Names are not looked up.
            pub(super) fn with_defaults(args: TraceArgs) -> Self {
                Self {$($(
                    $key: args.$key.unwrap_or($default),
                )*)*}
            }
        }

        /// An option that the configuration file can have.
        pub struct Row {
            /// Its key in the file; with hyphens on the command line.
            pub key: &'static str,
            /// What it takes to change it.
            pub change: Change,
            /// Reads its value from the file.
            pub read: fn(&mut TraceArgs, &toml::Value) -> Result<(), String>,
            /// Looks up the names in its value.
            pub resolve: fn(&mut Config, &Users) -> Result<(), String>,
            /// Its value as the file would have it.
            pub show: fn(&Config) -> toml::Value,
            /// Takes its value from another configuration.
            pub adopt: fn(&mut Config, &Config),
        }

        /// The options that the configuration file can have.
        pub static ROWS: &[Row] = &[$($($(
            Row {
                key: stringify!($key),
                change: Change::$change,
                read: |args, value| {
                    args.$key = Some(options!(@read $kind, value, $wanted $(, $parse)?)?);
                    Ok(())
                },
                resolve: |config, users| <$kind as Kind>::resolve(&mut config.$key, users),
                show: |config| <$kind as Kind>::show(&config.$key),
                adopt: |config, new| config.$key.clone_from(&new.$key),
            },
        )?)*)*];
    };
    (@read $kind:ty, $value:expr, $wanted:expr) => {
        <$kind as Kind>::read($value, $wanted)
    };
    (@read $kind:ty, $value:expr, $wanted:expr, $parse:expr) => {
        read_by::<$kind>($parse, $value, $wanted)
    };
}

pub(super) use options;
