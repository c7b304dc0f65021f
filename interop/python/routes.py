"""What the official sellers sell."""

from x402.extensions.eip2612_gas_sponsoring import declare_eip2612_gas_sponsoring_extension
from x402.extensions.erc20_approval_gas_sponsoring import (
    declare_erc20_approval_gas_sponsoring_extension,
)
from x402.http.types import PaymentOption, RouteConfig
from x402.mechanisms.evm.exact import ExactEvmServerScheme
from x402.mechanisms.evm.upto import UptoEvmServerScheme
from x402.schemas import AssetAmount

NETWORK = "eip155:84532"
USDC = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
PATHS = ["/exact", "/permit2", "/permit2-approval"]
UPTO_CHARGE = {"amount": "$0.005"}


def routes(pay_to):
    def offer(scheme, price, extra=None):
        return PaymentOption(
            scheme=scheme, network=NETWORK, pay_to=pay_to, price=price, extra=extra
        )

    def route(option, description, extensions=None):
        return RouteConfig(
            accepts=option,
            description=description,
            mime_type="application/json",
            extensions=extensions,
        )

    permit2 = {"assetTransferMethod": "permit2"}
    # Without name and version a buyer cannot sign an EIP-2612 permit.
    bare = AssetAmount(amount="10000", asset=USDC, extra=permit2)
    return {
        "GET /exact": route(offer("exact", "$0.01"), "EIP-3009"),
        "GET /permit2": route(
            offer("exact", "$0.01", permit2),
            "Permit2, its allowance by an EIP-2612 permit",
            declare_eip2612_gas_sponsoring_extension(),
        ),
        "GET /permit2-approval": route(
            offer("exact", bare),
            "Permit2, its allowance by a signed approval",
            declare_erc20_approval_gas_sponsoring_extension(),
        ),
        "GET /upto": route(
            offer("upto", "$0.02"),
            "At most two cents",
            declare_eip2612_gas_sponsoring_extension(),
        ),
    }


def register(server):
    server.register(NETWORK, ExactEvmServerScheme())
    server.register(NETWORK, UptoEvmServerScheme())
    return server
