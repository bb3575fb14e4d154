// The deploy button. It is only there when a keeper in demo mode serves the page.

/** Shows the button if there is a demo; `release()` tells the label of the release that plays now. */
export async function offerDemo(release) {
  const there = await fetch("/demo").then((answer) => answer.ok, () => false);
  if (!there) return;
  const panel = document.querySelector("#demo");
  const button = document.querySelector("#demo-button");
  const text = document.querySelector("#demo-text");
  const update = () => {
    const forward = release() !== "release 2";
    button.dataset.way = forward ? "on" : "back";
    button.textContent = forward ? "Deploy release 2" : "Roll back to release 1";
    panel.hidden = release() === "";
  };
  button.addEventListener("click", async () => {
    button.disabled = true;
    await order(button.dataset.way === "on" ? "/demo/deploy" : "/demo/rollback", text);
    button.disabled = false;
  });
  update();
  setInterval(update, 500);
}

// Shows the answer while it arrives.
async function order(path, text) {
  text.textContent = "…";
  try {
    const answer = await fetch(path, { method: "POST" });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let whole = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      whole += part.value;
      show(text, whole.trim().split("\n"));
    }
  } catch (error) {
    text.textContent = `The keeper did not answer: ${error.message}`;
  }
}

// What is still going on is only told until there is something newer. A name, several spaces and a value are a row of a table.
function show(place, lines) {
  const told = lines.filter((line, at) => !line.endsWith("..") || at === lines.length - 1);
  place.replaceChildren(...told.map((line) => {
    const [name, value] = line.trim().split(/ {2,}(.*)/);
    const row = document.createElement("span");
    row.append(name);
    if (value) row.append(document.createElement("b"));
    if (value) row.lastChild.append(value.replace(/ {2,}/g, " · "));
    return row;
  }));
}
