//! The pinned table of tokens is that of the official SDKs.

use x402_types::{Amount, Asset, Network, TransferMethod};

/// Network, symbol, address, name and version of the signing domain, decimals, method, EIP-2612.
type Row =
    (&'static str, &'static str, &'static str, &'static str, &'static str, u8, &'static str, bool);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("eip155:8453", "USDC", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", "USD Coin", "2", 6, "eip3009", false),
    ("eip155:84532", "USDC", "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "USDC", "2", 6, "eip3009", false),
    ("eip155:1", "USDC", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "USD Coin", "2", 6, "eip3009", false),
    ("eip155:43114", "USDC", "0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E", "USD Coin", "2", 6, "eip3009", false),
    ("eip155:4326", "MegaUSD", "0xFAfDdbb3FC7688494971a79cc65DCa3EF82079E7", "MegaUSD", "1", 18, "permit2", true),
    ("eip155:143", "USDC", "0x754704Bc059F8C67012fEd69BC8A327a5aafb603", "USDC", "2", 6, "eip3009", false),
    ("eip155:988", "USDT0", "0x779Ded0c9e1022225f8E0630b35a9b54bE713736", "USDT0", "1", 6, "eip3009", false),
    ("eip155:2201", "USDT0", "0x78Cf24370174180738C5B8E352B6D14c83a6c9A9", "USDT0", "1", 6, "eip3009", false),
    ("eip155:137", "USDC", "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359", "USD Coin", "2", 6, "eip3009", false),
    ("eip155:42161", "USDC", "0xaf88d065e77c8cC2239327C5EDb3A432268e5831", "USD Coin", "2", 6, "eip3009", false),
    ("eip155:421614", "USDC", "0x75faf114eafb1BDbe2F0316DF893fd58CE46AA4d", "USD Coin", "2", 6, "eip3009", false),
    ("eip155:31612", "mUSD", "0xdD468A1DDc392dcdbEf6db6e34E89AA338F9F186", "Mezo USD", "1", 18, "permit2", true),
    ("eip155:31611", "mUSD", "0x118917a40FAF1CD7a13dB0Ef56C86De7973Ac503", "Mezo USD", "1", 18, "permit2", true),
    ("eip155:723487", "SBC", "0x33ad9e4BD16B69B5BFdED37D8B5D9fF9aba014Fb", "Stable Coin", "1", 6, "permit2", true),
    ("eip155:72344", "SBC", "0x33ad9e4BD16B69B5BFdED37D8B5D9fF9aba014Fb", "Stable Coin", "1", 6, "permit2", true),
    ("eip155:36900", "USDC.e", "0x9cb8142aEBBcdc60AF7c97Af897A67A8f3CA71C2", "USDC.e", "2", 6, "eip3009", false),
    ("eip155:190415", "USDC.e", "0x401eCb1D350407f13ba348573E5630B83638E30D", "Bridged USDC", "2", 6, "eip3009", false),
    ("eip155:181228", "USDC.e", "0x401eCb1D350407f13ba348573E5630B83638E30D", "Bridged USDC", "2", 6, "eip3009", false),
    ("eip155:50", "USDC", "0xfA2958CB79b0491CC627c1557F441eF849Ca8eb1", "USDC", "2", 6, "eip3009", false),
    ("eip155:51", "USDC", "0xb5AB69F7bBada22B28e79C8FFAECe55eF1c771D4", "USDC", "2", 6, "eip3009", false),
    ("eip155:38833", "USDC", "0xA5b8BF902b2844dA17d4506cc827F7F1681735E7", "USDC", "1", 6, "permit2", false),
    ("eip155:14", "USDT0", "0xe7cd86e13AC4309349F30B3435a9d337750fC82D", "USD₮0", "1", 6, "eip3009", false),
    ("eip155:42220", "USDC", "0xcebA9300f2b948710d2653dD7B07f33A8B32118C", "USDC", "2", 6, "eip3009", false),
    ("eip155:42220", "USDT", "0x48065fbBE25f71C9282ddf5e1cD6D6A887483D5e", "Tether USD", "1", 6, "eip3009", false),
    ("eip155:42220", "USAT", "0xD2ab3C9A02DBBAB236BfEC45D1d755DF4267F771", "Tether America USD", "1", 6, "eip3009", false),
    ("eip155:11142220", "USDC", "0x01C5C0122039549AD1493B8220cABEdD739BC44E", "USDC", "2", 6, "eip3009", false),
    ("eip155:1329", "USDC", "0xe15fC38F6D8c56aF07bbCBe3BAf5708A2Bf42392", "USDC", "2", 6, "eip3009", false),
    ("eip155:1328", "USDC", "0x4fCF1784B31630811181f670Aea7A7bEF803eaED", "USDC", "2", 6, "eip3009", false),
];

#[test]
fn the_table_has_the_28_tokens_of_the_sdks_in_their_order() {
    assert_eq!(TABLE.len(), 28);
    assert_eq!(Asset::known().len(), TABLE.len());
    for (asset, row) in Asset::known().iter().zip(TABLE) {
        let (network, symbol, address, name, version, decimals, method, eip2612) = *row;
        assert_eq!(asset.network.as_str(), network);
        assert_eq!(asset.symbol, symbol);
        assert_eq!(asset.address, address);
        assert_eq!(asset.name, name);
        assert_eq!(asset.version, version);
        assert_eq!(asset.decimals, decimals);
        assert_eq!(asset.transfer_method.as_str(), method);
        if asset.transfer_method == TransferMethod::Permit2 {
            assert_eq!(asset.supports_eip2612, eip2612, "{symbol} on {network}");
        }
    }
}

#[test]
fn the_first_token_of_a_network_is_its_default() {
    for asset in Asset::known() {
        let first = TABLE.iter().find(|row| row.0 == asset.network.as_str()).unwrap();
        assert_eq!(Asset::default_for(&asset.network).unwrap().address, first.2);
    }
    assert_eq!(Asset::default_for(&Network::CELO).unwrap().symbol, "USDC");
    assert_eq!(Asset::default_for(&Network::eip155(31337)), None);
    assert_eq!(Asset::default_for(&Network::SOLANA), None);
}

#[test]
fn a_token_is_found_by_its_address_in_any_case_on_its_own_network_only() {
    for asset in Asset::known() {
        for address in [asset.address.to_lowercase(), asset.address.to_uppercase()] {
            assert_eq!(Asset::find(&asset.network, &address), Some(asset));
        }
        assert_eq!(Asset::find_symbol(&asset.network, &asset.symbol), Some(asset));
    }
    let on_base = &Asset::default_for(&Network::BASE).unwrap().address;
    assert_eq!(Asset::find(&Network::BASE_SEPOLIA, on_base), None);
    assert_eq!(Asset::find_symbol(&Network::BASE, "usdc"), None);
}

#[test]
fn the_signing_domain_differs_between_chains() {
    let name = |network: &Network, symbol| &*Asset::find_symbol(network, symbol).unwrap().name;
    assert_eq!(name(&Network::BASE, "USDC"), "USD Coin");
    assert_eq!(name(&Network::BASE_SEPOLIA, "USDC"), "USDC");
    assert_eq!(name(&Network::FLARE, "USDT0"), "USD₮0");
    assert_eq!(name(&Network::STABLE, "USDT0"), "USDT0");
}

#[test]
fn every_address_has_the_shape_of_one() {
    for asset in Asset::known() {
        let digits = asset.address.strip_prefix("0x").unwrap();
        assert!(asset.pegged, "{asset:?}");
        assert!(digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
    }
}

#[test]
fn a_token_of_ones_own_is_moved_by_eip_3009() {
    let asset = Asset::eip3009(Network::eip155(31337), "TEST", "0x1", "Test", "1", 18);
    assert_eq!(asset.transfer_method, TransferMethod::Eip3009);
    assert_eq!(asset.in_words(Amount::from(10u64.pow(18))), "1.00 TEST");
    assert_eq!(asset.pegged().in_words(Amount::from(5 * 10u64.pow(16))), "$0.05 TEST");
}

#[test]
fn an_unknown_transfer_method_is_no_default() {
    for method in [TransferMethod::Eip3009, TransferMethod::Permit2] {
        assert_eq!(TransferMethod::from_wire(method.as_str()), Some(method));
    }
    for unknown in ["", "erc7710", "EIP3009", "permit2 "] {
        assert_eq!(TransferMethod::from_wire(unknown), None, "{unknown}");
    }
}
