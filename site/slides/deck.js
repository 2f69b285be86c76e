// Starts the slides. What doesn't fit on one is made smaller, step by step; what still doesn't can be scrolled.
function fit(slide) {
  const body = slide?.querySelector(".body");
  const full = () => body.scrollHeight > body.clientHeight + 1 || body.scrollWidth > body.clientWidth + 1;
  for (let size = 0.95; body && size > 0.5 && full(); size -= 0.05) {
    body.style.fontSize = `${size}em`;
  }
}

Reveal.initialize({
  width: 1280,
  height: 720,
  margin: 0.02,
  center: false,
  hash: true,
  controls: false,
  slideNumber: "c/t",
  navigationMode: "linear",
  transition: "none",
  autoPlayMedia: true,
  plugins: [RevealNotes],
});
Reveal.on("ready", (event) => fit(event.currentSlide));
Reveal.on("slidechanged", (event) => fit(event.currentSlide));
document.addEventListener("load", () => fit(Reveal.getCurrentSlide()), true); // a picture has come
