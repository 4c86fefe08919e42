//! Waits until this machine has changed networks.

use crate::transport::Attachment;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// The changes since somebody looked last.
pub(super) struct Changes {
    attachment: Arc<Attachment>,
    seen: u64,
    next: Instant,
}

impl Changes {
    /// Those from now on.
    pub(super) fn new(attachment: &Arc<Attachment>) -> Self {
        let now = Instant::now();
        Self { attachment: Arc::clone(attachment), seen: attachment.changes(now.into_std()), next: now + LOOK }
    }

    /// Returns when there was one. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) {
        loop {
            sleep_until(self.next).await;
            self.next = Instant::now() + LOOK;
            if self.any() {
                return;
            }
        }
    }

    /// Whether there was one.
    pub(super) fn any(&mut self) -> bool {
        let changes = self.attachment.changes(Instant::now().into_std());
        std::mem::replace(&mut self.seen, changes) != changes
    }
}
