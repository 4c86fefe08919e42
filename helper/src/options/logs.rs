//! What is printed for people and for programs that read logs.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Options that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logging and configuration")]
pub struct General {
    /// Take options from this TOML file; the command line and the environment go before it
    #[arg(long, value_name = "FILE", global = true, display_order = 900)]
    pub config: Option<PathBuf>,
    /// How lines are printed: for people, or one JSON object a line
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, global = true, display_order = 900)]
    pub log_format: LogFormat,
    /// How much is logged besides the lines for people, on standard error; RUST_LOG goes before it
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t, global = true, display_order = 900)]
    pub log_level: LogLevel,
}

/// `--log-format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Sentences
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// `--log-level`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Nothing besides the lines for people
    #[default]
    Off,
    /// What does not work
    Error,
    /// What may not work soon
    Warn,
    /// What happens
    Info,
    /// What happens in detail
    Debug,
    /// Every packet
    Trace,
}

impl LogLevel {
    /// What `RUST_LOG` would say: other crates are not heard below a warning.
    #[must_use]
    pub fn directives(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "warn,amt_helper=info",
            Self::Debug => "warn,amt_helper=debug",
            Self::Trace => "warn,amt_helper=trace",
        }
    }
}
