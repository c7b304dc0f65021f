use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use alloy_primitives::U256;
use alloy_provider::Provider;
use examples::playground::{AGENT, Playground, SELLER};
use examples::shop::Error;
use reqwest::{Response, StatusCode};
use reqwest_middleware::ClientWithMiddleware;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use x402_client::{Payer, ReceiptExt};
use x402_evm::LocalSigner;
use x402_ledger::Status;
use x402_types::{PaymentRequired, decode, header};

/// Where the programs believe to be.
pub(crate) const SITE: &str = "https://shop.example";

/// A chain and a facilitator, a program that sells, and an agent that buys.
pub(crate) struct Market {
    pub(crate) playground: Playground,
    pub(crate) program: Program,
    pub(crate) payer: Payer,
    agent: ClientWithMiddleware,
}

/// A program that runs until it is dropped.
pub(crate) struct Program {
    process: Child,
    output: Lines<BufReader<ChildStdout>>,
    log: Lines<BufReader<ChildStderr>>,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Result<Self, Error> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn()?;
        let output = process.stdout.take().ok_or("no output")?;
        let log = process.stderr.take().ok_or("no log")?;
        Ok(Self {
            process,
            output: BufReader::new(output).lines(),
            log: BufReader::new(log).lines(),
        })
    }

    pub(crate) async fn line(&mut self) -> Result<String, Error> {
        if let Some(line) = self.output.next_line().await? {
            return Ok(line);
        }
        let mut log = String::new();
        self.log.get_mut().read_to_string(&mut log).await?;
        Err(format!("the program has ended: {log}").into())
    }

    /// Waits until it logs something with these words in it.
    pub(crate) async fn logs(&mut self, words: &str) -> Result<String, Error> {
        let logged = async {
            while let Some(line) = self.log.next_line().await? {
                if line.contains(words) {
                    return Ok(line);
                }
            }
            Err(Error::from("the program has ended"))
        };
        tokio::time::timeout(Duration::from_secs(20), logged).await?
    }

    /// Where it listens, once it does.
    pub(crate) async fn address(&mut self) -> Result<String, Error> {
        let line = self.line().await?;
        Ok(line.strip_prefix("listening on ").ok_or(line.clone())?.to_owned())
    }

    /// Ctrl-C.
    pub(crate) async fn interrupt(&mut self) -> Result<ExitStatus, Error> {
        let id = self.process.id().ok_or("it has ended already")?;
        let sent = Command::new("kill").args(["-INT", &id.to_string()]).status().await?;
        assert!(sent.success());
        Ok(self.process.wait().await?)
    }
}

impl Market {
    /// With the program that this command starts.
    pub(crate) async fn of(mut command: Command) -> Result<(Self, String), Error> {
        let playground = Playground::open().await?;
        command.envs(playground.seller(SITE)).env("PORT", "0");
        let mut program = Program::start(&mut command)?;
        let url = program.address().await?;

        let payer = Payer::builder()
            .signer(LocalSigner::from_bytes(&AGENT.private_key.0)?)
            .rpc("base-sepolia", playground.chain.url())
            .build()?;
        let agent = payer.reqwest()?;
        Ok((Self { playground, program, payer, agent }, url))
    }

    /// What the agent gets, paying where it must.
    pub(crate) async fn get(&self, url: &str) -> Result<Response, Error> {
        Ok(self.agent.get(url).send().await?)
    }

    /// What the agent gets for just this, in millionths of a dollar.
    pub(crate) async fn buy(&self, url: &str, price: u64) -> Result<String, Error> {
        assert_eq!(terms(url).await?.accepts[0].amount.to_string(), price.to_string());
        let before = self.earned()?;
        let response = self.get(url).await?;
        assert_eq!(response.status(), StatusCode::OK);
        let receipt = response.receipt().ok_or("nothing was paid")?;
        assert_eq!(*receipt.status(), Status::Settled);

        let transaction = receipt.transaction().ok_or("no transaction")?.parse()?;
        let chain = self.playground.devnet.provider();
        let mined = chain.get_transaction_receipt(transaction).await?.ok_or("not on chain")?;
        assert!(mined.status());
        assert_eq!(self.earned()?, before + price);
        Ok(response.text().await?)
    }

    /// What the chain says that the seller has, in millionths of a dollar.
    pub(crate) fn earned(&self) -> Result<u64, Error> {
        Ok(u64::try_from(self.playground.devnet.token_balance(SELLER.address)?)?)
    }

    /// Waits for the seller to have more than this.
    pub(crate) async fn earns_more_than(&self, before: u64) -> Result<u64, Error> {
        let earned = async {
            while self.earned()? == before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            self.earned()
        };
        tokio::time::timeout(Duration::from_secs(20), earned).await?
    }

    /// What the chain says that the agent has spent.
    pub(crate) fn spent(&self) -> Result<u64, Error> {
        let left = self.playground.devnet.token_balance(AGENT.address)?;
        Ok(u64::try_from(U256::from(100_000_000) - left)?)
    }
}

/// What is answered to whoever does not pay.
pub(crate) async fn terms(url: &str) -> Result<PaymentRequired, Error> {
    terms_of(&reqwest::get(url).await?)
}

pub(crate) fn terms_of(response: &Response) -> Result<PaymentRequired, Error> {
    assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
    let terms = response.headers().get(header::PAYMENT_REQUIRED).ok_or("no terms")?;
    Ok(decode(terms.as_bytes(), header::CHALLENGE_LIMIT)?)
}
