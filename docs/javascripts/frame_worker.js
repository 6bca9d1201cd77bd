// A page that was opened from a disk gets no web worker, and the site's search is one. There a hidden frame runs its script.
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    #waiting = [];
    #frame = document.createElement("iframe");

    constructor(url) {
      super();
      this.#frame.hidden = true;
      this.#frame.addEventListener("load", () => this.#run(url), { once: true });
      document.documentElement.append(this.#frame);
    }

    postMessage(data) {
      if (this.#waiting) this.#waiting.push(data);
      else this.#deliver(this.#frame.contentWindow, data);
    }

    #run(url) {
      const inner = this.#frame.contentWindow;
      inner.postMessage = (data) => this.#deliver(this, data);
      const script = inner.document.createElement("script");
      script.src = url;
      script.addEventListener("load", () => {
        const waiting = this.#waiting;
        this.#waiting = null;
        waiting.forEach((data) => this.postMessage(data));
      });
      inner.document.head.append(script);
    }

    // Later, as a worker does: whoever posts goes on before anybody hears of it.
    #deliver(target, data) {
      setTimeout(() => target.dispatchEvent(new MessageEvent("message", { data })));
    }
  };
}
