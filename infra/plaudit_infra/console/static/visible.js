// Makes visible what would turn a text around: an override in an id, a name or a message lets what follows run backwards,
// also beyond its end. Every page of the console loads this in its head, so no page has to think of it.
//
// Only what is shown changes: not what is typed, and not what scripts hold. Marks of direction stay; they turn nothing around.

(() => {
  // Embeddings, overrides, isolates, and separators of lines and paragraphs.
  const TURNING = /[\u2028-\u202e\u2066-\u2069]/g;
  const ATTRIBUTES = ["title", "aria-label", "label"];
  const KEPT = "textarea, script, style";
  const written = (text) => text.replace(TURNING, (one) => `\\u${one.charCodeAt(0).toString(16)}`);
  const turns = (text) => text !== null && text.search(TURNING) >= 0;

  function showText(node) {
    if (turns(node.data) && !node.parentElement?.closest(KEPT)) node.data = written(node.data);
  }

  function showAttributes(element) {
    for (const name of ATTRIBUTES) {
      const value = element.getAttribute(name);
      if (turns(value)) element.setAttribute(name, written(value));
    }
  }

  function show(node) {
    if (node.nodeType === Node.TEXT_NODE) showText(node);
    if (node.nodeType !== Node.ELEMENT_NODE) return;
    const walker = document.createTreeWalker(node, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    for (let each = node; each; each = walker.nextNode()) {
      if (each.nodeType === Node.TEXT_NODE) showText(each);
      else showAttributes(each);
    }
  }

  new MutationObserver((changes) => {
    for (const { type, target, addedNodes } of changes) {
      if (type === "attributes") showAttributes(target);
      else if (type === "characterData") showText(target);
      else addedNodes.forEach(show);
    }
  }).observe(document, {
    subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ATTRIBUTES,
  });
})();
