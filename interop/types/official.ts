// What the official SDK says of a message can be handed to the types that are made of the schemas.
//
// The SDK says `number` where a version's messages always hold the same one; and its interfaces are
// made plain, because TypeScript gives an interface no keys beyond its own.
import type * as sdk from "@x402/core/types";
import type * as sdkV1 from "@x402/core/types/v1";
import type * as client from "./client.d.ts";
import type * as facilitator from "./facilitator.d.ts";
import type * as server from "./server.d.ts";

type Plain<Message> = Message extends object ? { [Key in keyof Message]: Plain<Message[Key]> } : Message;
type Of<Version, Message> = {
  [Key in keyof Message]: Key extends "x402Version" ? Version
    : Key extends "paymentPayload" ? Of<Version, Message[Key]>
    : Plain<Message[Key]>;
};
type Fits<Given extends Wanted, Wanted> = Given;

export type Client = [
  Fits<Of<2, sdk.PaymentRequired>, client.PaymentRequired>,
  Fits<Of<2, sdk.PaymentPayload>, client.PaymentPayload>,
  Fits<sdk.PaymentRequirements, client.PaymentRequirements>,
  Fits<Plain<sdk.ResourceInfo>, client.ResourceInfo>,
  Fits<sdk.SettleResponse, client.SettleResponse>,
  Fits<Of<1, sdkV1.PaymentRequiredV1>, client.PaymentRequiredV1>,
  Fits<Of<1, sdkV1.PaymentPayloadV1>, client.PaymentPayloadV1>,
  Fits<sdkV1.PaymentRequirementsV1, client.PaymentRequirementsV1>,
];

export type Server = [
  Fits<Of<2, sdk.VerifyRequest>, server.VerifyRequest>,
  Fits<Of<2, sdk.SettleRequest>, server.VerifyRequest>,
  Fits<sdk.VerifyResponse, server.VerifyResponse>,
  Fits<sdk.SettleResponse, server.SettleResponse>,
  Fits<sdk.SupportedResponse, server.SupportedResponse>,
  Fits<Of<1, sdkV1.VerifyRequestV1>, server.VerifyRequestV1>,
  Fits<Of<1, sdkV1.SettleRequestV1>, server.VerifyRequestV1>,
];

export type Facilitator = [
  Fits<Of<2, sdk.VerifyRequest>, facilitator.VerifyRequest>,
  Fits<sdk.VerifyResponse, facilitator.VerifyResponse>,
  Fits<sdk.SettleResponse, facilitator.SettleResponse>,
  Fits<sdk.SupportedResponse, facilitator.SupportedResponse>,
];

// @ts-expect-error Terms without a way to pay are none.
export type Refused = Fits<Omit<Of<2, sdk.PaymentRequired>, "accepts">, client.PaymentRequired>;
