//! Somebody who sends native multicast: ffmpeg with the demo's clip, round and round.

use crate::{Namespace, Process, Stage, stage};
use anyhow::Result;
use std::net::SocketAddr;

/// Sends the clip to a group from `host`, in datagrams of `payload` bytes, as the group's route there says.
///
/// # Errors
/// Where ffmpeg cannot be started.
pub fn send_clip(stage: &Stage, host: &Namespace, group: SocketAddr, payload: usize) -> Result<Process> {
    let mut command = host.program("ffmpeg");
    command.args(["-nostdin", "-loglevel", "error", "-re", "-stream_loop", "-1", "-i"]).arg(stage::clip());
    command.args(["-c", "copy", "-f", "mpegts", &format!("udp://{group}?pkt_size={payload}&ttl=4")]);
    Process::start("ffmpeg", &mut command, stage.dir())
}
