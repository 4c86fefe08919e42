//! What the worker does: keeps to the channel that the page wants, over whatever connection there is, and turns what
//! comes of it into the page's events. Pure: whoever drives it has the socket, the clock and the page.

use super::decoders::{Decoders, Module};
use super::feed::Feed;
use super::link::{Link, Step};
use super::message::{Choice, FromWorker, Heading, ToWorker};
use super::post::Post;
use crate::segmenter::Takes;
use amt_shared::wire::FromPage;
use std::collections::VecDeque;

/// The page hears something at least so often.
const ALIVE_MS: f64 = 2000.0;

/// What has to be done with the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Open one to the helper.
    Connect,
    /// Close it.
    Disconnect,
    /// Send this text.
    Send(String),
}

/// See the module.
pub struct Tuner {
    /// What there is to tell the page.
    pub post: Post,
    link: Link,
    feed: Feed,
    decoders: Decoders,
    url: Option<String>,
    takes: Takes,
    choice: Choice,
    typed: bool,
    /// The number of the last request for a channel.
    request: u32,
    /// The helper has not come to that request: what still comes is of those before.
    changing: bool,
    acts: VecDeque<Act>,
    told_ms: f64,
}

impl Tuner {
    /// Nothing is tuned in; decoders of sound come from this module.
    #[must_use]
    pub fn new(module: Box<dyn Module>) -> Self {
        let mut post = Post::default();
        post.tell(FromWorker::Ready);
        Self {
            post,
            link: Link::default(),
            feed: Feed::default(),
            decoders: Decoders::new(module),
            url: None,
            takes: Takes::default(),
            choice: Choice::default(),
            typed: false,
            request: 0,
            changing: false,
            acts: VecDeque::new(),
            told_ms: 0.0,
        }
    }

    /// What has to be done next with the socket; to be called after anything else until it gives `None`.
    pub fn poll(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// Looks at the clock; to be called a few times a second.
    pub fn tick(&mut self, now_ms: f64) {
        self.decoders.tick(now_ms);
        match self.link.tick(now_ms) {
            Some(Step::Connect) => self.acts.push_back(Act::Connect),
            Some(Step::Lost { silent }) => self.lost(silent),
            None => {}
        }
        if now_ms - self.told_ms >= ALIVE_MS {
            self.told_ms = now_ms;
            self.post.tell(FromWorker::Alive);
        }
    }

    /// The socket was closed, or could not be opened.
    pub fn closed(&mut self) {
        if let Step::Lost { silent } = self.link.closed() {
            self.lost(silent);
        }
    }

    /// The page wants something.
    pub fn asked(&mut self, message: ToWorker) {
        match message {
            ToWorker::Tune { url, takes, choice, typed } => {
                self.url = Some(url);
                self.takes = takes;
                self.choice = choice;
                self.typed = typed;
                self.tune();
            }
            ToWorker::ChooseProgram { number } => {
                self.choice = Choice { program: number, audio: None, ..self.choice };
                self.feed.choose_program(number, &mut self.decoders, &mut self.post);
            }
            ToWorker::ChooseAudio { pid } => {
                self.choice.audio = pid;
                self.feed.choose_audio(pid, &mut self.decoders, &mut self.post);
            }
            ToWorker::Stop => {
                self.url = None;
                self.changing = false;
                self.begin();
                self.send(&FromPage::Stop);
            }
            ToWorker::Taken { bytes } => self.post.taken(bytes as usize),
        }
    }

    /// A binary message of the helper.
    pub fn frame(&mut self, message: &[u8]) {
        self.link.heard();
        if self.url.is_some() && !self.changing {
            self.feed.frame(message, &mut self.decoders, &mut self.post);
        }
    }

    /// A text of the helper: takes what it needs out of it and hands it through, as the page alone reads it in full.
    pub fn text(&mut self, text: String) {
        self.link.heard();
        let Some(heading) = Heading::of(&text) else { return };
        match heading.kind.as_str() {
            "alive" => return,
            "tuned" => {
                let is_last = match heading.request {
                    Some(request) => request == self.request,
                    // An older helper gives no number back.
                    None => self.url == heading.url,
                };
                self.changing = self.url.is_some() && !is_last;
            }
            "hello" => {
                self.link.greeted(heading.alive_ms);
                self.tune();
            }
            _ if self.changing => return,
            "catch_up" => self.feed.catch_up(heading.frames.unwrap_or_default()),
            _ => {}
        }
        self.post.tell(FromWorker::Helper { text });
    }

    fn lost(&mut self, silent: bool) {
        self.acts.push_back(Act::Disconnect);
        self.post.tell(FromWorker::Unreachable { attempts: self.link.attempts(), silent });
    }

    fn tune(&mut self) {
        if let Some(url) = self.url.clone() {
            self.begin();
            self.changing = true;
            self.request = self.request.wrapping_add(1);
            self.send(&FromPage::Tune { url, request: Some(self.request), typed: self.typed });
        }
    }

    fn begin(&mut self) {
        self.feed = Feed::new(self.takes, self.choice);
        self.decoders.begin();
        self.post.tell(FromWorker::Restart);
    }

    /// Says it now, or leaves it to the `Hello` that makes it tune.
    fn send(&mut self, message: &FromPage) {
        if self.link.is_up()
            && let Ok(text) = serde_json::to_string(message)
        {
            self.acts.push_back(Act::Send(text));
        }
    }
}

#[cfg(test)]
#[path = "tuner_tests.rs"]
mod tests;
