//! Redirects are followed while nothing is paid. A payment crosses none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::redirect::{Action, Attempt, Policy};
use url::Url;

const LIMIT: usize = 10;

tokio::task_local! {
    /// The way of the request that this task is sending. reqwest asks the policy in the task that
    /// polls the request, and shows it no headers.
    static WAY: Arc<Way>;
}

/// Which way a request went.
#[derive(Default)]
pub(crate) struct Way {
    redirected: AtomicBool,
    left_origin: AtomicBool,
}

impl Way {
    /// Sends a request that follows redirects, and sees where it is led.
    pub(crate) async fn follow<T>(self: &Arc<Self>, request: impl Future<Output = T>) -> T {
        WAY.scope(self.clone(), request).await
    }

    /// Whether it was redirected at all.
    pub(crate) fn redirected(&self) -> bool {
        self.redirected.load(Ordering::Relaxed)
    }

    /// Whether it was redirected across origins, even if it came back.
    pub(crate) fn left_origin(&self) -> bool {
        self.left_origin.load(Ordering::Relaxed)
    }

    fn step(&self, from: Option<&Url>, to: &Url) {
        self.redirected.store(true, Ordering::Relaxed);
        if from.is_none_or(|from| from.origin() != to.origin()) {
            self.left_origin.store(true, Ordering::Relaxed);
        }
    }
}

/// Follows for a request that has a [`Way`], and for no other one.
pub(crate) fn policy() -> Policy {
    Policy::custom(|attempt: Attempt<'_>| -> Action {
        if attempt.previous().len() > LIMIT {
            return attempt.error("more than 10 redirects");
        }
        match WAY.try_with(|way| way.step(attempt.previous().last(), attempt.url())) {
            Ok(()) => attempt.follow(),
            Err(_) => attempt.stop(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let leaves = |from: &str, to: &str| {
            let way = Way::default();
            way.step(Some(&Url::parse(from).unwrap()), &Url::parse(to).unwrap());
            assert!(way.redirected());
            way.left_origin()
        };
        assert!(!leaves("https://shop.test/a", "https://shop.test:443/b?c"));
        assert!(!leaves("https://shop.test/", "https://SHOP.test/"));
        assert!(leaves("https://shop.test/", "http://shop.test/"));
        assert!(leaves("https://shop.test/", "https://shop.test:8443/"));
        assert!(leaves("https://shop.test/", "https://www.shop.test/"));
        assert!(leaves("https://shop.test/", "https://shop.test.evil.test/"));
    }

    #[test]
    fn one_way_across_origins_is_not_forgotten() {
        let way = Way::default();
        let home = Url::parse("https://shop.test/").unwrap();
        let away = Url::parse("https://evil.test/").unwrap();
        way.step(Some(&home), &away);
        way.step(Some(&away), &home);
        way.step(Some(&home), &home);
        assert!(way.left_origin());
    }
}
