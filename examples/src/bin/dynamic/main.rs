//! Prices that are found out with every request: by demand, by what is asked for, by who asks.

use std::collections::HashSet;
use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use tokio::net::TcpListener;
use x402_axum::{
    Allowance, ConfigError, GateLayer, Inquiry, Paywall, PaywallBuilder, Quote, Refused,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// What the first page costs, in millionths of a dollar, and by how much each sale raises that.
const BASE: u64 = 1_000;
const STEP: u64 = 100;
const MAX_PAGES: u64 = 100;

struct Desk {
    sales: AtomicU64,
    /// They pay half.
    members: HashSet<String>,
}

impl Desk {
    /// The price of this request, in millionths of a dollar; `None` where it is not sold.
    fn price(&self, inquiry: &Inquiry) -> Option<u64> {
        let pages = inquiry.query_param("pages").map_or(Ok(1), |pages| pages.parse()).ok()?;
        let factor = match &*inquiry.path_param("name")? {
            "daily" => 1,
            "yearly" => 5,
            _ => return None,
        };
        let is_member = inquiry.payer().is_some_and(|payer| self.members.contains(payer));
        let each = BASE + self.sales.load(Relaxed) * STEP;
        let price = (1..=MAX_PAGES).contains(&pages).then(|| each * factor * pages)?;
        Some(if is_member { price / 2 } else { price })
    }

    fn quote(&self, inquiry: &Inquiry) -> Result<Quote, ConfigError> {
        let Some(price) = self.price(inquiry) else {
            let why = "There is /reports/daily and /reports/yearly, with ?pages=1 to 100.";
            return Ok(Quote::Refuse(Refused::new(404, "no_such_report", why)));
        };
        let words = format!("{}.{:06}", price / 1_000_000, price % 1_000_000);
        Ok(inquiry.price(&words)?.description("A report, dearer with each that is sold").into())
    }
}

async fn report(State(desk): State<Arc<Desk>>, Path(name): Path<String>) -> String {
    let number = desk.sales.fetch_add(1, Relaxed) + 1;
    format!("The {name} report, copy number {number}\n")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let members = env::var("MEMBERS").unwrap_or_default();
    let members = members.split_whitespace().map(str::to_lowercase).collect();
    let desk = Arc::new(Desk { sales: AtomicU64::new(0), members });

    // Each payer's first request of the day is verified and then given away.
    let settings: PaywallBuilder<Paywall> = PaywallBuilder::from_env();
    let paywall = settings.hooks(Allowance::new(1, DAY)).build().await?;
    let price = paywall.price_by({
        let desk = Arc::clone(&desk);
        move |inquiry| {
            let quote = desk.quote(&inquiry);
            async { quote }
        }
    });
    // Whoever was told a price has half a minute to pay it, however many buy meanwhile.
    let price = price.valid_for(Duration::from_secs(30)).sign_in();

    let app = Router::new()
        .route("/reports/{name}", get(report).layer(GateLayer::new(price.gate()?)))
        .with_state(desk);

    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
