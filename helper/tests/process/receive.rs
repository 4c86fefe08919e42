//! `amt-helper receive`: outputs, summary, exit status.

use crate::common::relay::{GROUP, GROUP_6, TestRelay};
use crate::common::stream::Stream;
use crate::common::{Helper, is_root};
use std::io::{PipeReader, PipeWriter, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("amt-helper-test-{}-{name}", std::process::id()))
}

fn receive(url: &str, output: &str, more: &[&str]) -> Helper {
    let arguments = ["receive", url, "--transport", "udp", "--path", "amt", "--output", output];
    Helper::start(Helper::command().args(arguments).args(more))
}

/// A pipe that takes nothing more, because nobody reads it.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let size = nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_GETPIPE_SZ).unwrap();
    writer.write_all(&vec![0; size as usize]).unwrap();
    (reader, writer)
}

#[test]
fn a_file_holds_what_was_sent_and_the_summary_counts_it() {
    let relay = TestRelay::start();
    let path = scratch("file.ts");
    let mut helper = receive(&relay.url(), path.to_str().unwrap(), &[]);
    relay.wait_for_join(GROUP);
    let mut stream = Stream::default();
    let mut sent = Vec::new();
    for number in 0..100 {
        let datagram = stream.datagram();
        // Two datagrams get lost on the way to the relay; neither holds tables.
        if !(60..62).contains(&number) {
            relay.send(&datagram);
            sent.extend(datagram);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    crate::common::eventually("all is written", || std::fs::read(&path).is_ok_and(|file| file.len() == sent.len()));
    helper.signal("-INT");
    assert_eq!(helper.wait().code(), Some(0));
    assert_eq!(std::fs::read(&path).unwrap(), sent);
    std::fs::remove_file(&path).unwrap();
    let summary = helper.lines.wait_for("Received 686 packets in 98 datagrams, 128968 bytes; 14 packets lost");
    assert!(summary.contains("joined in "));
    crate::common::eventually("the tunnel is torn down", || relay.left(GROUP) == 1);
}

#[test]
fn ipv4_and_ipv6_come_through_ipv4_and_ipv6() {
    let outer: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let inner: [IpAddr; 2] = [GROUP.into(), GROUP_6.into()];
    for (address, group) in outer.into_iter().flat_map(|address| inner.map(|group| (address, group))) {
        // With Teardown and without.
        let relay = TestRelay::start_at(address, |config| config.teardown = group.is_ipv4());
        let path = scratch("families.ts");
        let mut helper = receive(&relay.url_of(group), path.to_str().unwrap(), &[]);
        relay.wait_for_join(group);
        let mut stream = Stream::default();
        let sent: Vec<u8> = (0..20)
            .flat_map(|_| {
                let datagram = stream.datagram();
                relay.send_to(group, 1234, &datagram);
                datagram
            })
            .collect();
        crate::common::eventually("all is written", || std::fs::read(&path).is_ok_and(|file| file == sent));
        helper.signal("-INT");
        assert_eq!(helper.wait().code(), Some(0));
        std::fs::remove_file(&path).unwrap();
        crate::common::eventually("the group is left", || relay.left(group) == 1);
    }
}

#[test]
fn standard_output_carries_nothing_but_data() {
    let relay = TestRelay::start();
    let mut command = Helper::command();
    command.args(["receive", &relay.url(), "--transport", "udp", "--path", "amt", "--output", "-", "--duration", "1"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    relay.wait_for_join(GROUP);
    let mut stream = Stream::default();
    let sent: Vec<u8> = (0..20)
        .flat_map(|_| {
            let datagram = stream.datagram();
            relay.send(&datagram);
            datagram
        })
        .collect();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, sent);
    assert!(String::from_utf8_lossy(&output.stderr).contains("Received 140 packets"));
}

#[test]
fn a_reader_that_has_had_enough_ends_it_well() {
    let relay = TestRelay::start();
    let mut command = Helper::command();
    command.args(["receive", &relay.url(), "--transport", "udp", "--path", "amt", "--output", "-"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    relay.wait_for_join(GROUP);
    let mut stream = Stream::default();
    let status = loop {
        relay.send(&stream.datagram());
        std::thread::sleep(Duration::from_millis(20));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
    };
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_reader_that_takes_nothing_holds_up_neither_the_tunnel_nor_the_end() {
    let relay = TestRelay::start();
    let (_reader, writer) = full_pipe();
    let mut command = Helper::command();
    command.args(["receive", &relay.url(), "--transport", "udp", "--path", "amt", "--output", "-"]);
    let mut helper = Helper::start_with_stdout(&mut command, writer.into());
    relay.wait_for_join(GROUP);
    let mut stream = Stream::default();
    relay.send(&stream.datagram());
    helper.lines.wait_for("Receiving");
    helper.signal("-TERM");
    assert_eq!(helper.wait().code(), Some(1));
    helper.lines.wait_for("Received 7 packets");
    helper.lines.wait_for("The output failed: it stopped accepting data");
}

#[test]
fn a_terminal_that_stands_still_does_not_hold_up_the_data() {
    let relay = TestRelay::start();
    let path = scratch("still.ts");
    let (_reader, writer) = full_pipe();
    let mut command = Helper::command();
    command.args(["receive", &relay.url(), "--transport", "udp", "--path", "amt", "--output", path.to_str().unwrap()]);
    let mut helper = Helper::start_with_stdout(&mut command, writer.into());
    relay.wait_for_join(GROUP);
    let mut stream = Stream::default();
    relay.send(&stream.datagram());
    crate::common::eventually("it is written", || std::fs::metadata(&path).is_ok_and(|file| file.len() == 7 * 188));
    helper.signal("-TERM");
    assert_eq!(helper.wait().code(), Some(0));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn another_player_gets_datagrams_as_they_came() {
    let relay = TestRelay::start();
    let player = UdpSocket::bind("127.0.0.1:0").unwrap();
    player.set_read_timeout(Some(crate::common::PATIENCE)).unwrap();
    let mut helper = receive(&relay.url(), &format!("udp://{}", player.local_addr().unwrap()), &[]);
    relay.wait_for_join(GROUP);
    let mut stream = Stream::default();
    let mut buffer = [0; 2048];
    for _ in 0..30 {
        let datagram = stream.datagram();
        relay.send(&datagram);
        let length = player.recv(&mut buffer).unwrap();
        assert_eq!(buffer[..length], datagram);
    }
    helper.signal("-TERM");
    assert_eq!(helper.wait().code(), Some(0));
}

#[test]
fn no_data_is_no_success() {
    let relay = TestRelay::start();
    let mut helper = receive(&relay.url(), "/dev/null", &["--duration", "1"]);
    assert_eq!(helper.wait().code(), Some(1));
    helper.lines.wait_for("No data arrived");
    crate::common::eventually("the tunnel is torn down", || relay.joined(GROUP) == relay.left(GROUP));
}

#[test]
fn a_machine_without_a_network_is_told_apart_from_a_relay_that_is_not_there() {
    if !is_root() {
        return;
    }
    let mut command = Command::new("unshare");
    let url = "amt://192.0.2.1@232.9.9.9?relay=198.51.100.1";
    command.args(["-n", env!("CARGO_BIN_EXE_amt-helper"), "receive", url, "--path", "amt", "--output", "/dev/null"]);
    let mut helper = Helper::start(command.args(["--transport", "udp", "--duration", "1"]));
    assert_eq!(helper.wait().code(), Some(1));
    helper.lines.wait_for("The relay 198.51.100.1:2268 cannot be reached from this machine: Network is unreachable");
    assert!(!helper.lines.all().contains("ICMP"), "{}", helper.lines.all());
}

#[test]
fn a_silent_group_is_told_with_the_whole_length_of_its_silence() {
    let relay = TestRelay::start();
    let mut helper = receive(&relay.url(), "/dev/null", &["--duration", "10"]);
    assert_eq!(helper.wait().code(), Some(1));
    let said = helper.lines.all();
    let seconds = said.split("no data has arrived (").skip(1).filter_map(|rest| rest.split(' ').next()?.parse().ok());
    let longest: u32 = seconds.max().expect("the silence is told");
    assert!(longest >= 6, "{said}");
    assert_eq!(helper.lines.all().matches("waiting for data").count(), 1, "{}", helper.lines.all());
}

#[test]
fn what_cannot_be_written_is_told() {
    let mut helper = receive("amt://192.0.2.1@232.9.9.9?relay=127.0.0.1:9", "/no/such/folder/a.ts", &[]);
    assert_eq!(helper.wait().code(), Some(1));
    helper.lines.wait_for("/no/such/folder/a.ts cannot be written");
}
