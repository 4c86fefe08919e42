//! What is installed beside the program.

use crate::common::Helper;
use std::process::Command;

const UNIT: &str = include_str!("../../../packaging/amt-helper.service");

/// systemd's own word on the unit, with the program that was built in the place of the one to be installed.
#[test]
fn systemd_takes_the_unit_and_finds_little_that_it_exposes() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("skipped: there is no systemd-analyze on this machine");
        return;
    }
    let program = env!("CARGO_BIN_EXE_amt-helper");
    assert!(UNIT.contains("ExecStart=/usr/bin/amt-helper "));
    let place = std::env::temp_dir().join(format!("amt-helper-test-{}-unit", std::process::id()));
    std::fs::create_dir(&place).unwrap();
    let unit = place.join("amt-helper.service");
    std::fs::write(&unit, UNIT.replace("/usr/bin/amt-helper", program)).unwrap();
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output().unwrap();
    let exposed =
        Command::new("systemd-analyze").args(["security", "--offline=yes", "--threshold=25"]).arg(&unit).output();
    std::fs::remove_dir_all(&place).unwrap();
    let said = |output: &std::process::Output| {
        String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
    };
    assert!(verified.status.success(), "{}", said(&verified));
    // It speaks of other units of the machine too; of ours there is nothing to say.
    assert!(!said(&verified).contains("amt-helper.service"), "{}", said(&verified));
    let exposed = exposed.unwrap();
    assert!(exposed.status.success(), "{}", said(&exposed));
}

#[test]
fn man_page_and_completions_are_printed_and_nothing_else_happens() {
    for (arguments, first) in [(&["man"][..], ".ie \\n(.g"), (&["completions", "bash"], "_amt__helper() {")] {
        let output = Helper::command().args(arguments).output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with(first), "{text}");
        assert!(output.stderr.is_empty());
    }
}
