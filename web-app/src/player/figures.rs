//! What the player tells about itself.

/// How it stands, for the status line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing to play yet, or no longer.
    Waiting,
    /// The picture moves.
    Playing,
    /// The viewer has paused it, with the keyboard's media keys or the browser's own controls.
    Paused,
    /// The browser will not play before the viewer presses something.
    Blocked,
}

/// The player's figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// From the helper's receiving to the screen, in milliseconds.
    pub delay_ms: Option<f64>,
    /// Whether it is paused, or has been well further behind than it aims at for a while.
    pub behind: bool,
    /// What is buffered ahead of the position, in milliseconds.
    pub buffered_ms: f64,
    /// The distance to the live edge that is aimed at, in milliseconds.
    pub target_ms: Option<f64>,
    /// `playbackRate`.
    pub rate: f64,
    /// Width of the picture in pixels, 0 without one.
    pub width: u32,
    /// Height of the picture in pixels, 0 without one.
    pub height: u32,
    /// Codec string of the picture that plays.
    pub video_codec: Option<String>,
    /// Codec string of the sound that plays.
    pub audio_codec: Option<String>,
    /// How often playing ran dry.
    pub stalls: u32,
    /// How often a new MediaSource was needed after an error.
    pub recoveries: u32,
    /// Frames decoded for the screen since this channel began.
    pub frames: u32,
    /// Frames of these that came too late for the screen.
    pub dropped_frames: u32,
    /// How often a bound was met.
    pub overflows: u64,
    /// Codec strings that this browser cannot play.
    pub refused: Vec<String>,
    /// Why the last recovery was needed.
    pub last_error: Option<String>,
}
