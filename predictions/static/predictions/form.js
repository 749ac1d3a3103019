/* A model's page, a little better where scripts run: copy buttons, and answers to what is edited after an answer. */
"use strict";

const PAUSE = 250; // milliseconds without a key before it is asked

/* Asks for the form as it stands; an answer that a newer question overtook is dropped. Nothing of it is logged. */
class WhatIf {
  constructor(form, said) {
    this.form = form;
    this.said = said;
    this.card = document.getElementById("what-if");
    this.answered = this.values();
    this.asked = 0;
    this.invitation = said.textContent;
    form.addEventListener("input", () => this.changed());
  }

  values() {
    return new URLSearchParams(new FormData(this.form)).toString();
  }

  changed() {
    clearTimeout(this.timer);
    this.asking?.abort();
    const question = ++this.asked;
    if (this.values() === this.answered) this.show("", this.invitation);
    else if (!this.form.checkValidity()) this.show("", "What if: a field is empty or cannot be read yet.");
    else this.timer = setTimeout(() => this.ask(question), PAUSE);
  }

  async ask(question) {
    this.asking = new AbortController();
    this.card.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(this.said.dataset.whatIf, {
        method: "POST",
        body: new URLSearchParams(new FormData(this.form)),
        credentials: "same-origin",
        redirect: "error", // to the login page, whose text is no answer
        signal: this.asking.signal,
      });
      const text = await answer.text();
      if (question !== this.asked) return;
      const card = new DOMParser().parseFromString(text, "text/html").querySelector("[data-said]");
      if (card) this.show(card, card.dataset.said);
      else this.show("", `What if: no answer (${answer.status}). Reload the page and try again.`);
    } catch {
      if (question === this.asked) this.show("", "What if: the server did not answer. Press Predict, or edit again.");
    }
  }

  show(card, sentence) {
    this.card.removeAttribute("aria-busy");
    this.card.replaceChildren(...(card ? [card] : []));
    this.said.textContent = sentence;
  }
}

function offerCopy(button) {
  const words = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed here";
    }
    setTimeout(() => (button.textContent = words), 2000);
  });
}

if (navigator.clipboard) for (const button of document.querySelectorAll("[data-copy]")) offerCopy(button);
const said = document.querySelector("[data-what-if]");
if (said) {
  said.hidden = false;
  new WhatIf(document.querySelector("form[data-inputs]"), said);
}
