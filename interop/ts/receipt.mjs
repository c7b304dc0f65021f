// viem's own waiting listens for new blocks, and may wait for ever on a chain that mines at once.
import { TransactionReceiptNotFoundError, WaitForTransactionReceiptTimeoutError } from "viem";

/** Asks for the receipt until it is there. Times out as viem's waitForTransactionReceipt does. */
export async function receiptOf(client, hash, timeout = 180_000) {
  const end = Date.now() + timeout;
  while (Date.now() < end) {
    try {
      return await client.getTransactionReceipt({ hash });
    } catch (error) {
      if (!(error instanceof TransactionReceiptNotFoundError)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new WaitForTransactionReceiptTimeoutError({ hash });
}
