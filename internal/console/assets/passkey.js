// Asks the browser for a passkey and sends what it answers with the form around the button. Without a browser that can,
// the button stays hidden: passwords work without a script.
"use strict";
for (const button of document.querySelectorAll("button[data-passkey]")) {
	const make = button.dataset.passkey === "create";
	const usable = window.PublicKeyCredential && (make ? PublicKeyCredential.parseCreationOptionsFromJSON : PublicKeyCredential.parseRequestOptionsFromJSON);
	if (!usable) continue;
	button.closest("[hidden]")?.removeAttribute("hidden");
	const form = button.form;
	const answer = async () => {
		const options = JSON.parse(button.dataset.options);
		const credential = make
			? await navigator.credentials.create({publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options)})
			: await navigator.credentials.get({publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options)});
		form.elements.passkey.value = JSON.stringify(credential.toJSON());
		form.submit();
	};
	button.addEventListener("click", () => {
		const status = document.getElementById(button.getAttribute("aria-describedby"));
		if (make && !form.reportValidity()) return;
		answer().catch(() => { status.textContent = "No passkey was used. Try again, or go on without one."; });
	});
}
