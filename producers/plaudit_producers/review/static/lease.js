// Renews the lease of an item while somebody works on it.

const SHARE = 3, TRY_AGAIN_MS = 5_000, IDLE_MS = 10 * 60_000, SOONEST_MS = 250;

export class Lease {
  #timer = 0;
  #active = 0;

  // onLost: the lease ran out and another person has the item. onGone: the item does not exist any more.
  constructor(client, item, { onLost, onGone }) {
    Object.assign(this, { client, item, onLost, onGone });
    this.touch = () => { this.#active = Date.now(); };
    for (const name of ["keydown", "pointerdown", "scroll"]) addEventListener(name, this.touch, { passive: true, capture: true });
    this.touch();
    this.#wait(item.lease_ms / SHARE);
  }

  end() {
    clearTimeout(this.#timer);
    this.ended = true;
    for (const name of ["keydown", "pointerdown", "scroll"]) removeEventListener(name, this.touch, { capture: true });
  }

  #wait(ms) {
    clearTimeout(this.#timer);
    if (!this.ended) this.#timer = setTimeout(() => this.#renew(), Math.max(ms, SOONEST_MS));
  }

  async #renew() {
    // An item that nobody looks at goes back to the queue by itself.
    if (Date.now() - this.#active > Math.max(IDLE_MS, this.item.lease_ms)) { this.#wait(TRY_AGAIN_MS); return; }
    try {
      const { lease_ms } = await this.client.renew(this.item.id);
      this.#wait(lease_ms / SHARE);
    } catch (error) {
      if (this.ended) return;
      if (error.code === "lost") this.onLost();
      else if (error.code === "no_item") this.onGone();
      else this.#wait(TRY_AGAIN_MS);
    }
  }
}
