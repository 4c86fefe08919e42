//! Waiting for conditions. The limits are for a machine that is busy with something else: what is there sooner
//! is seen sooner.

use anyhow::{Context, Result, bail};
use std::time::{Duration, Instant};

/// Long enough for anything that works at all.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer, for [`PATIENCE`].
///
/// # Errors
/// Where none came; the error says what was waited for and what went wrong last.
pub async fn until<T>(what: &str, ask: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    within(PATIENCE, what, ask).await
}

/// Asks until there is an answer.
///
/// # Errors
/// As [`until`].
pub async fn within<T>(limit: Duration, what: &str, mut ask: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    loop {
        let answer = ask().await;
        if let Ok(Some(answer)) = answer {
            return Ok(answer);
        }
        if begun.elapsed() > limit {
            let context = format!("not reached within {limit:?}: {what}");
            match answer {
                Err(error) => return Err(error).context(context),
                Ok(_) => bail!(context),
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
