//! What is printed for people and for programs that read logs.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Options that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logging and configuration")]
pub struct General {
    /// Read options from this TOML file; the command line and the environment take precedence
    #[arg(long, value_name = "FILE", global = true, display_order = 900)]
    pub config: Option<PathBuf>,
    /// How to print lines: as text, or as one JSON object per line
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, global = true, display_order = 900)]
    pub log_format: LogFormat,
    /// How much to log to standard error besides the normal lines; RUST_LOG takes precedence
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t, global = true, display_order = 900)]
    pub log_level: LogLevel,
}

/// `--log-format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Plain text
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

/// `--log-level`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Only the normal lines
    #[default]
    Off,
    /// Errors
    Error,
    /// Also warnings
    Warn,
    /// Also events
    Info,
    /// Also details
    Debug,
    /// Also every packet
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
