use std::borrow::Cow;

use crate::{Amount, Network};

/// A token that can be paid with: where it is, and what a signature for it must say.
///
/// [`Asset::known`] is the pinned table of dollar-pegged tokens that the official SDKs recognise.
/// Decimals and signing domain of a token in that table come from the table and from nowhere else:
/// a server that claims otherwise is wrong or hostile. A token outside the table is described by
/// its owner's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asset {
    /// The chain it lives on.
    pub network: Network,
    /// Its ticker, such as `USDC`.
    pub symbol: Cow<'static, str>,
    /// Its contract's address, in mixed-case checksum form on EVM chains.
    pub address: Cow<'static, str>,
    /// `name` of its EIP-712 domain, which differs between chains for one and the same token.
    pub name: Cow<'static, str>,
    /// `version` of its EIP-712 domain.
    pub version: Cow<'static, str>,
    /// Digits after the point: one token is 10^decimals atomic units.
    pub decimals: u8,
    /// How it is moved on a payer's signature.
    pub transfer_method: TransferMethod,
    /// Whether an allowance can be given by signature (EIP-2612). Matters to Permit2 only.
    pub supports_eip2612: bool,
    /// Whether one of it is worth one dollar, so that a price in dollars can be paid in it.
    pub pegged: bool,
}

/// How a token is moved on a payer's signature: `extra.assetTransferMethod` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransferMethod {
    /// EIP-3009 `transferWithAuthorization`. The default, which the wire leaves out.
    Eip3009,
    /// Permit2 with a witness, through the x402 proxies.
    Permit2,
}

impl TransferMethod {
    /// The spelling on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eip3009 => "eip3009",
            Self::Permit2 => "permit2",
        }
    }

    /// Reads the spelling on the wire. Unknown ones are `None`, never a default.
    pub fn from_wire(text: &str) -> Option<Self> {
        [Self::Eip3009, Self::Permit2].into_iter().find(|method| method.as_str() == text)
    }
}

impl Asset {
    /// A token that is moved by EIP-3009, such as a USDC on a chain of one's own. Nothing is said of
    /// its worth: prices name it, as in `0.01 EURC`, unless it is [`pegged`](Self::pegged).
    ///
    /// `name` and `version` are those of its EIP-712 domain; a wrong one makes every signature
    /// worthless.
    pub fn eip3009(
        network: Network,
        symbol: impl Into<Cow<'static, str>>,
        address: impl Into<Cow<'static, str>>,
        name: impl Into<Cow<'static, str>>,
        version: impl Into<Cow<'static, str>>,
        decimals: u8,
    ) -> Self {
        Self {
            network,
            symbol: symbol.into(),
            address: address.into(),
            name: name.into(),
            version: version.into(),
            decimals,
            transfer_method: TransferMethod::Eip3009,
            supports_eip2612: true,
            pegged: false,
        }
    }

    /// The same token, of which one is worth one dollar: it is taken for prices in dollars, too.
    pub fn pegged(self) -> Self {
        Self { pegged: true, ..self }
    }

    /// The same token, moved by Permit2: any token can be, once its owner has allowed it.
    pub fn by_permit2(self) -> Self {
        Self { transfer_method: TransferMethod::Permit2, ..self }
    }

    /// The pinned table. The first token of a network is its default.
    pub fn known() -> &'static [Self] {
        KNOWN
    }

    /// The token that a price without a symbol means on this network.
    pub fn default_for(network: &Network) -> Option<&'static Self> {
        KNOWN.iter().find(|asset| asset.network == *network)
    }

    /// The token at this address, whatever the case of its digits.
    pub fn find(network: &Network, address: &str) -> Option<&'static Self> {
        KNOWN
            .iter()
            .find(|asset| asset.network == *network && asset.address.eq_ignore_ascii_case(address))
    }

    /// The token of this symbol on this network.
    pub fn find_symbol(network: &Network, symbol: &str) -> Option<&'static Self> {
        KNOWN.iter().find(|asset| asset.network == *network && asset.symbol == symbol)
    }

    /// An amount in words, with two digits after the point at least: `$0.50 USDC`, or `0.50 EURC` of
    /// a token that is not pegged to the dollar.
    pub fn in_words(&self, amount: Amount) -> String {
        let decimal = amount.to_decimal(self.decimals);
        let (whole, fraction) = decimal.split_once('.').unwrap_or((&decimal, ""));
        let dollars = if self.pegged { "$" } else { "" };
        format!("{dollars}{whole}.{fraction:0<2} {}", self.symbol)
    }
}

const fn known(
    network: Network,
    symbol: &'static str,
    address: &'static str,
    name: &'static str,
    version: &'static str,
    decimals: u8,
    (transfer_method, supports_eip2612): (TransferMethod, bool),
) -> Asset {
    Asset {
        network,
        symbol: Cow::Borrowed(symbol),
        address: Cow::Borrowed(address),
        name: Cow::Borrowed(name),
        version: Cow::Borrowed(version),
        decimals,
        transfer_method,
        supports_eip2612,
        pegged: true,
    }
}

const EIP3009: (TransferMethod, bool) = (TransferMethod::Eip3009, true);
const PERMIT2_2612: (TransferMethod, bool) = (TransferMethod::Permit2, true);
const PERMIT2: (TransferMethod, bool) = (TransferMethod::Permit2, false);

#[rustfmt::skip]
static KNOWN: &[Asset] = &[
    known(Network::BASE, "USDC", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", "USD Coin", "2", 6, EIP3009),
    known(Network::BASE_SEPOLIA, "USDC", "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "USDC", "2", 6, EIP3009),
    known(Network::ETHEREUM, "USDC", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "USD Coin", "2", 6, EIP3009),
    known(Network::AVALANCHE, "USDC", "0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E", "USD Coin", "2", 6, EIP3009),
    known(Network::MEGAETH, "MegaUSD", "0xFAfDdbb3FC7688494971a79cc65DCa3EF82079E7", "MegaUSD", "1", 18, PERMIT2_2612),
    known(Network::MONAD, "USDC", "0x754704Bc059F8C67012fEd69BC8A327a5aafb603", "USDC", "2", 6, EIP3009),
    known(Network::STABLE, "USDT0", "0x779Ded0c9e1022225f8E0630b35a9b54bE713736", "USDT0", "1", 6, EIP3009),
    known(Network::STABLE_TESTNET, "USDT0", "0x78Cf24370174180738C5B8E352B6D14c83a6c9A9", "USDT0", "1", 6, EIP3009),
    known(Network::POLYGON, "USDC", "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359", "USD Coin", "2", 6, EIP3009),
    known(Network::known("eip155:42161"), "USDC", "0xaf88d065e77c8cC2239327C5EDb3A432268e5831", "USD Coin", "2", 6, EIP3009),
    known(Network::known("eip155:421614"), "USDC", "0x75faf114eafb1BDbe2F0316DF893fd58CE46AA4d", "USD Coin", "2", 6, EIP3009),
    known(Network::known("eip155:31612"), "mUSD", "0xdD468A1DDc392dcdbEf6db6e34E89AA338F9F186", "Mezo USD", "1", 18, PERMIT2_2612),
    known(Network::known("eip155:31611"), "mUSD", "0x118917a40FAF1CD7a13dB0Ef56C86De7973Ac503", "Mezo USD", "1", 18, PERMIT2_2612),
    known(Network::known("eip155:723487"), "SBC", "0x33ad9e4BD16B69B5BFdED37D8B5D9fF9aba014Fb", "Stable Coin", "1", 6, PERMIT2_2612),
    known(Network::known("eip155:72344"), "SBC", "0x33ad9e4BD16B69B5BFdED37D8B5D9fF9aba014Fb", "Stable Coin", "1", 6, PERMIT2_2612),
    known(Network::known("eip155:36900"), "USDC.e", "0x9cb8142aEBBcdc60AF7c97Af897A67A8f3CA71C2", "USDC.e", "2", 6, EIP3009),
    known(Network::known("eip155:190415"), "USDC.e", "0x401eCb1D350407f13ba348573E5630B83638E30D", "Bridged USDC", "2", 6, EIP3009),
    known(Network::known("eip155:181228"), "USDC.e", "0x401eCb1D350407f13ba348573E5630B83638E30D", "Bridged USDC", "2", 6, EIP3009),
    known(Network::known("eip155:50"), "USDC", "0xfA2958CB79b0491CC627c1557F441eF849Ca8eb1", "USDC", "2", 6, EIP3009),
    known(Network::known("eip155:51"), "USDC", "0xb5AB69F7bBada22B28e79C8FFAECe55eF1c771D4", "USDC", "2", 6, EIP3009),
    known(Network::known("eip155:38833"), "USDC", "0xA5b8BF902b2844dA17d4506cc827F7F1681735E7", "USDC", "1", 6, PERMIT2),
    known(Network::FLARE, "USDT0", "0xe7cd86e13AC4309349F30B3435a9d337750fC82D", "USD₮0", "1", 6, EIP3009),
    known(Network::CELO, "USDC", "0xcebA9300f2b948710d2653dD7B07f33A8B32118C", "USDC", "2", 6, EIP3009),
    known(Network::CELO, "USDT", "0x48065fbBE25f71C9282ddf5e1cD6D6A887483D5e", "Tether USD", "1", 6, EIP3009),
    known(Network::CELO, "USAT", "0xD2ab3C9A02DBBAB236BfEC45D1d755DF4267F771", "Tether America USD", "1", 6, EIP3009),
    known(Network::known("eip155:11142220"), "USDC", "0x01C5C0122039549AD1493B8220cABEdD739BC44E", "USDC", "2", 6, EIP3009),
    known(Network::SEI, "USDC", "0xe15fC38F6D8c56aF07bbCBe3BAf5708A2Bf42392", "USDC", "2", 6, EIP3009),
    known(Network::SEI_TESTNET, "USDC", "0x4fCF1784B31630811181f670Aea7A7bEF803eaED", "USDC", "2", 6, EIP3009),
];
