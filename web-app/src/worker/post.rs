//! The way to the page: one message for what one frame gave, its buffers given away, with a bound on what the
//! page has not taken yet.

use super::message::FromWorker;

/// What the page may be behind by before media is left out: a page that is frozen takes nothing.
const MAX_OUTSTANDING_BYTES: usize = 32 << 20;

/// Collects events to be posted together.
#[derive(Debug, Default)]
pub struct Post {
    events: Vec<FromWorker>,
    buffers: Vec<Vec<u8>>,
    /// Bytes that the page has not taken yet, without what is collected.
    outstanding: usize,
}

impl Post {
    /// Adds an event without bytes.
    pub fn tell(&mut self, event: FromWorker) {
        self.events.push(event);
    }

    /// Adds an event with its bytes.
    pub fn give(&mut self, event: FromWorker, data: Vec<u8>) {
        self.events.push(event);
        self.buffers.push(data);
    }

    /// Whether the page is so far behind that media has to be left out.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.outstanding > MAX_OUTSTANDING_BYTES
    }

    /// The page has taken so many bytes.
    pub const fn taken(&mut self, bytes: usize) {
        self.outstanding = self.outstanding.saturating_sub(bytes);
    }

    /// Hands what was collected to `send`, if there is anything: the events, and a buffer for each that has one.
    pub fn flush(&mut self, send: impl FnOnce(&[FromWorker], &[Vec<u8>])) {
        if self.events.is_empty() {
            return;
        }
        send(&self.events, &self.buffers);
        self.outstanding += self.buffers.iter().map(Vec::len).sum::<usize>();
        self.events.clear();
        self.buffers.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_frame_gave_is_one_message_with_its_buffers_in_order() {
        let mut post = Post::default();
        post.flush(|_, _| panic!("there is nothing to post"));
        post.give(FromWorker::Ready, vec![1, 2]);
        post.tell(FromWorker::Overflow);
        post.give(FromWorker::Restart, vec![3]);
        let mut posted = None;
        post.flush(|events, buffers| posted = Some((events.to_vec(), buffers.to_vec())));
        let events = vec![FromWorker::Ready, FromWorker::Overflow, FromWorker::Restart];
        assert_eq!(posted, Some((events, vec![vec![1, 2], vec![3]])));
        post.flush(|_, _| panic!("it was posted already"));
    }

    #[test]
    fn a_page_that_takes_nothing_fills_it_up_to_the_bound_and_empties_it_by_taking() {
        let mut post = Post::default();
        let mut posts = 0;
        while !post.is_full() {
            post.give(FromWorker::Ready, vec![0; 1 << 20]);
            post.flush(|_, _| {});
            posts += 1;
            assert!(posts <= 33, "it is bounded");
        }
        assert_eq!(posts, 33);
        post.taken(1 << 20);
        assert!(!post.is_full());
        post.taken(usize::MAX);
        assert!(!post.is_full(), "whoever says that it took more has taken all");
    }
}
