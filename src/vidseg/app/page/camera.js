// The webcam: one picture at a time goes to the server, the next when the answer has come.

const LONGEST_SIDE = 640;
const video = document.getElementById("camera");

export class Camera {
  constructor(send) {
    this.send = send;
    this.stream = null;
    this.frame = document.createElement("canvas");
    this.sentAt = null;
  }

  async open() {
    if (!navigator.mediaDevices) {
      throw new Error("got no access to a webcam; browsers allow it on https:// and on this machine (127.0.0.1) only");
    }
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: LONGEST_SIDE } }, audio: false });
    } catch (error) {
      throw new Error(`got no webcam (${error.message || error.name}); allow the page to use it, or plug one in`);
    }
    video.srcObject = this.stream;
    await video.play();
    const scale = Math.min(1, LONGEST_SIDE / Math.max(video.videoWidth, video.videoHeight));
    this.frame.width = Math.round(video.videoWidth * scale);
    this.frame.height = Math.round(video.videoHeight * scale);
  }

  async sendPicture() {
    if (!this.stream) return;
    const sentAt = performance.now();
    this.frame.getContext("2d").drawImage(video, 0, 0, this.frame.width, this.frame.height);
    const picture = await new Promise((done) => this.frame.toBlob(done, "image/jpeg", 0.9));
    if (!this.stream) return;
    this.sentAt = sentAt;
    this.send(picture);
  }

  // Milliseconds from taking the picture whose answer is here.
  answered() {
    return performance.now() - this.sentAt;
  }

  close() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    video.srcObject = null;
  }
}
